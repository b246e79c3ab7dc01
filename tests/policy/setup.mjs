// Judges the documents that the templates and setup really put up, read back from the local cloud, by
// @cloud-copilot/iam-simulate, which was written by others: every case of setup-cases.json. Takes the file that
// `cargo run --bin documents` prints. The same table runs through the local cloud's own evaluator in
// tests/tests/setup_policies.rs. Ends with `N passed, N failed`.

import { readFileSync } from 'node:fs'
import { verdict } from './simulate.mjs'

const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const routes = read(process.argv[2])
const { principals, contexts, others, cases } = read(new URL('setup-cases.json', import.meta.url))
const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

// A role of the route by its name; unrestrained, to see what the resource's policy says alone. Any other role may do everything as far as its own account is concerned.
function caller(name, { roles }) {
  const known = principals[name]
  if (known === undefined) throw new Error(`the table has no principal ${name}`)
  if (known === 'anonymous' || known.endsWith('.amazonaws.com')) return { principal: known, identity: [] }
  if (known.startsWith('arn:')) return { principal: known, identity: [everything] }
  const arn = Object.keys(roles).find((arn) => arn.endsWith(`/${known}`))
  return { principal: arn, identity: name.endsWith(', unrestrained') ? [everything] : roles[arn].policies }
}

// `bucket/key`, an ARN (one of `others` has a policy of its own there), or `*`; its account and the policy on it.
function target(resource, action, { roles, buckets }) {
  if (resource === '*') return { resource, owner: '222222222222' }
  const account = resource.split(':')[4]
  const trust = roles[resource]?.trust
  if (trust) return { resource, owner: account, resource_policy: action === 'sts:AssumeRole' ? trust : undefined }
  if (others[resource]?.policy && resource.startsWith('arn:')) {
    return { resource, owner: others[resource].owner, resource_policy: others[resource].policy }
  }
  if (resource.startsWith('arn:')) return { resource, owner: account }
  const name = resource.split('/')[0]
  const bucket = buckets[name] ?? others[name]
  if (!bucket) throw new Error(`nobody has a bucket ${name}`)
  return { resource: `arn:aws:s3:::${resource}`, owner: bucket.owner, resource_policy: bucket.policy ?? undefined }
}

let passed = 0
let failed = 0
for (const [section, rows] of Object.entries(cases)) {
  console.log(section)
  for (const [route, who, action, resource, decides, context] of rows) {
    const documents = routes[route]
    const given = typeof context === 'string' ? contexts[context] : (context ?? {})
    const entry = { ...caller(who, documents), action, ...target(resource, action, documents), context: given }
    const answer = await verdict(entry)
    const line = `${route}: ${who}, ${action}, ${resource}${context ? `, ${JSON.stringify(context)}` : ''}: ${decides}`
    if (answer === decides) {
      passed += 1
      console.log(`  ok      ${line}`)
    } else {
      failed += 1
      console.log(`  FAILED  ${line}, says the table; iam-simulate says ${answer}`)
    }
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed >= 40 ? 0 : 1
