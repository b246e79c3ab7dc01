// Holds every case of cases.json against @cloud-copilot/iam-simulate, which was written by others. The same table runs
// through the local cloud's own evaluator in tests/cloud/tests/iam_policy_cases.rs. Ends with `N passed, N failed`.

import { readFileSync } from 'node:fs'
import { anonymousPrincipal, runSimulation } from '@cloud-copilot/iam-simulate'

const { documents, cases } = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8'))
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

const documentOf = (reference) => (typeof reference === 'string' ? documents[reference] : reference)

// What AWS fills in by itself; the simulator does not.
function facts({ principal, owner, action }) {
  const facts = { 'aws:ResourceAccount': owner, 'aws:SecureTransport': 'true' }
  if (action.startsWith('s3:')) facts['s3:ResourceAccount'] = owner
  facts['aws:PrincipalIsAWSService'] = String(principal.endsWith('.amazonaws.com'))
  const [, , , , account, resource] = principal.split(':')
  if (account) {
    const [kind, name] = resource.split('/')
    facts['aws:PrincipalAccount'] = account
    facts['aws:PrincipalArn'] = kind === 'assumed-role' ? `arn:aws:iam::${account}:role/${name}` : principal
  }
  return facts
}

function simulation(entry) {
  const isRoot = entry.principal.endsWith(':root')
  const identity = isRoot ? [everything] : (entry.identity ?? []).map(documentOf)
  return {
    request: {
      principal: entry.principal === 'anonymous' ? anonymousPrincipal : entry.principal,
      action: entry.action,
      resource: { resource: entry.resource, accountId: entry.owner },
      contextVariables: { ...facts(entry), ...entry.context }
    },
    identityPolicies: identity.map((policy, n) => ({ name: `policy ${n}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: entry.resource_policy && documentOf(entry.resource_policy)
  }
}

async function verdict(entry) {
  const simulated = simulation(entry)
  const run = await runSimulation(simulated, {})
  if (run.resultType === 'error') return `error ${JSON.stringify(run.errors)}`
  // A key that a policy asks for and the simulator does not know of this action is dropped: the case would prove nothing.
  const asked = JSON.stringify([simulated.identityPolicies, simulated.resourcePolicy ?? null]).toLowerCase()
  const dropped = run.result.ignoredContextKeys.filter((key) => asked.includes(key.toLowerCase()))
  if (dropped.length > 0) return `that ${entry.action} has no ${dropped}`
  return run.overallResult === 'Allowed' ? 'allow' : 'deny'
}

let passed = 0
let failed = 0
for (const entry of cases) {
  const answer = await verdict(entry)
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
