// One request as @cloud-copilot/iam-simulate takes it, and its answer.

import { anonymousPrincipal, runSimulation } from '@cloud-copilot/iam-simulate'

const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

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
  const identity = isRoot ? [everything] : (entry.identity ?? [])
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
    resourcePolicy: entry.resource_policy
  }
}

// What @cloud-copilot/iam-simulate says of one request: `allow`, `deny`, or what kept it from an answer.
export async function verdict(entry) {
  const simulated = simulation(entry)
  const run = await runSimulation(simulated, {})
  if (run.resultType === 'error') return `error ${JSON.stringify(run.errors)}`
  // A key that a policy asks for and the simulator does not know of this action is dropped: the case would prove nothing.
  const asked = JSON.stringify([simulated.identityPolicies, simulated.resourcePolicy ?? null]).toLowerCase()
  const dropped = run.result.ignoredContextKeys.filter((key) => asked.includes(key.toLowerCase()))
  if (dropped.length > 0) return `that ${entry.action} has no ${dropped}`
  return run.overallResult === 'Allowed' ? 'allow' : 'deny'
}
