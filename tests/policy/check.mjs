// Holds every case of cases.json against @cloud-copilot/iam-simulate, which was written by others. The same table runs
// through the local cloud's own evaluator in tests/cloud/tests/iam_policy_cases.rs. Ends with `N passed, N failed`.

import { readFileSync } from 'node:fs'
import { verdict } from './simulate.mjs'

const { documents, cases } = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8'))

const documentOf = (reference) => (typeof reference === 'string' ? documents[reference] : reference)

let passed = 0
let failed = 0
for (const entry of cases) {
  const identity = (entry.identity ?? []).map(documentOf)
  const resourcePolicy = entry.resource_policy && documentOf(entry.resource_policy)
  const answer = await verdict({ ...entry, identity, resource_policy: resourcePolicy })
  if (answer === entry.decides) {
    passed += 1
    console.log(`ok      ${entry.name}`)
  } else {
    failed += 1
    console.log(`FAILED  ${entry.name}: the table says ${entry.decides}, iam-simulate says ${answer}`)
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
