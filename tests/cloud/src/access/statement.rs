//! One statement: its principal and action are matched here, its resource and conditions by [`iam_rs`].

use iam_rs::{
    Arn, ConditionBlock, ConditionValue, ContextValue, Decision, IAMAction, IAMEffect, IAMPolicy, IAMRequest,
    IAMResource, IAMStatement, PolicyEvaluator, PrincipalId,
};
use serde_json::{Map, Value};

use super::condition::{Condition, RequestForm};
use super::context::Context;
use super::decision::Request;
use super::dialect;
use super::policy::{Kind, PolicyError, invalid, no_others, strings, syntax};
use super::principal::{Match, Principals};

const ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// One statement, compiled.
#[derive(Debug)]
pub(super) struct Statement {
    denies: bool,
    /// None in an identity policy.
    principals: Option<Principals>,
    actions: Listed,
    rest: Rest,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug)]
struct Listed {
    patterns: Vec<String>,
    all_but: bool,
}

/// Resources and conditions.
#[derive(Debug)]
enum Rest {
    /// The same for every request: made ready once.
    Fixed(Vec<Test>),
    /// With policy variables: made ready for each request.
    Varying(Source),
}

#[derive(Debug)]
struct Source {
    resources: Listed,
    conditions: Vec<Condition>,
}

/// A statement for [`iam_rs`], with the keys it wants to see. A statement is several of them if one key stands under
/// operators that cannot share a [`ConditionBlock`]; all must hold.
#[derive(Debug)]
struct Test {
    evaluator: PolicyEvaluator,
    keys: Vec<(String, RequestForm)>,
}

impl Statement {
    pub(super) fn parse(statement: &Map<String, Value>, kind: Kind, variables: bool) -> Result<Self, PolicyError> {
        no_others(statement, &ELEMENTS)?;
        let denies = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err(syntax("Effect must be Allow or Deny.")),
        };
        let actions = Listed::parse(statement, "Action", "NotAction")?.ok_or_else(|| syntax("Action is missing."))?;
        actions.check_actions(kind)?;
        let source = Source { resources: resources(statement, kind)?, conditions: conditions(statement)? };
        let rest =
            if variables && source.has_variables() { Rest::Varying(source) } else { Rest::Fixed(source.tests(None)) };
        Ok(Self { denies, principals: principals(statement, kind)?, actions, rest })
    }

    pub(super) fn denies(&self) -> bool {
        self.denies
    }

    pub(super) fn principals(&self) -> Option<&Principals> {
        self.principals.as_ref()
    }

    /// Whether the statement applies, and to what kind of principal.
    pub(super) fn matches(&self, request: &Request<'_>) -> Match {
        let matched =
            self.principals.as_ref().map_or(Match::Caller, |principals| principals.matches(request.principal));
        if matched == Match::No || !self.actions.has_action(request.action) {
            return Match::No;
        }
        let holds = match &self.rest {
            Rest::Fixed(tests) => tests.iter().all(|test| test.holds(request, self.denies)),
            Rest::Varying(source) => {
                source.tests(Some(request.context)).iter().all(|test| test.holds(request, self.denies))
            }
        };
        if holds { matched } else { Match::No }
    }
}

impl Listed {
    fn parse(statement: &Map<String, Value>, name: &str, all_but: &str) -> Result<Option<Self>, PolicyError> {
        let (value, all_but) = match (statement.get(name), statement.get(all_but)) {
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(PolicyError::Syntax(format!("{name} and {all_but} exclude each other."))),
        };
        let patterns = strings(value).filter(|patterns| !patterns.is_empty());
        let patterns = patterns.ok_or_else(|| PolicyError::Syntax(format!("{name} must be strings.")))?;
        Ok(Some(Self { patterns: patterns.into_iter().map(str::to_owned).collect(), all_but }))
    }

    fn check_actions(&self, kind: Kind) -> Result<(), PolicyError> {
        for action in &self.patterns {
            if action != "*" && !action.contains(':') {
                return Err(invalid("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
            }
            if kind == Kind::Trust && !action.starts_with("sts:") {
                return Err(invalid("AssumeRole policy may only specify STS AssumeRole actions."));
            }
        }
        Ok(())
    }

    /// Actions are the same in any case; `*` and `?` are wildcards.
    fn has_action(&self, action: &str) -> bool {
        let listed = self.patterns.iter().any(|pattern| {
            pattern.eq_ignore_ascii_case(action)
                || pattern.contains(['*', '?'])
                    && Arn::wildcard_match(&action.to_ascii_lowercase(), &pattern.to_ascii_lowercase())
        });
        listed != self.all_but
    }
}

impl Source {
    fn has_variables(&self) -> bool {
        self.resources.patterns.iter().any(|pattern| dialect::has_variables(pattern))
            || self.conditions.iter().any(Condition::has_variables)
    }

    /// Ready for evaluation, with the variables' values.
    fn tests(&self, variables: Option<&Context>) -> Vec<Test> {
        let patterns = self.resources.patterns.iter().map(|pattern| dialect::fill(pattern, variables, true)).collect();
        let resources = IAMResource::Multiple(patterns);
        let mut groups: Vec<Vec<&Condition>> = vec![Vec::new()];
        for condition in &self.conditions {
            let shares = |other: &&Condition| {
                !other.key.eq_ignore_ascii_case(&condition.key)
                    || other.operator != condition.operator && other.reads_as(condition)
            };
            match groups.iter_mut().find(|group| group.iter().all(shares)) {
                Some(group) => group.push(condition),
                None => groups.push(vec![condition]),
            }
        }
        groups.iter().map(|group| Test::new(&resources, self.resources.all_but, group, variables)).collect()
    }
}

impl Test {
    fn new(resources: &IAMResource, all_but: bool, conditions: &[&Condition], variables: Option<&Context>) -> Self {
        let mut block = ConditionBlock::new();
        let mut keys = Vec::new();
        for condition in conditions {
            let values = ConditionValue::StringList(condition.policy_values(variables));
            block = block.with_condition_direct(condition.operator.clone(), condition.key.clone(), values);
            keys.push((condition.key.clone(), condition.request_form()));
        }
        let statement = IAMStatement {
            sid: None,
            effect: IAMEffect::Allow,
            principal: None,
            not_principal: None,
            action: Some(IAMAction::Single("*".to_owned())),
            not_action: None,
            resource: (!all_but).then(|| resources.clone()),
            not_resource: all_but.then(|| resources.clone()),
            condition: Some(block),
        };
        let evaluator = PolicyEvaluator::with_policies(vec![IAMPolicy::new().add_statement(statement)]);
        Self { evaluator, keys }
    }

    fn holds(&self, request: &Request<'_>, denies: bool) -> bool {
        let mut context = iam_rs::Context::new();
        for (key, form) in &self.keys {
            if let Some(values) = request.context.get(key) {
                let value = match values {
                    [value] => ContextValue::String(form(value)),
                    values => ContextValue::StringList(values.iter().map(|value| form(value)).collect()),
                };
                context.insert(key.clone(), value);
            }
        }
        // Who asks was matched before; the evaluator only wants to see somebody.
        let somebody = iam_rs::Principal::Aws(PrincipalId::String("000000000000".to_owned()));
        let request = IAMRequest::new_with_context(somebody, request.action, resource(request.resource), context);
        match self.evaluator.evaluate(&request) {
            Ok(result) => result.decision == Decision::Allow,
            // Values were checked when the policy was read, so this does not happen; if it did, it must not open a door.
            Err(_) => denies,
        }
    }
}

/// The request's resource. `*`, of actions that have none, is matched by `*` alone.
fn resource(resource: &str) -> Arn {
    Arn::parse(&dialect::literal(resource)).unwrap_or_else(|_| Arn {
        partition: "aws".to_owned(),
        service: "none".to_owned(),
        region: String::new(),
        account_id: String::new(),
        resource: "none".to_owned(),
    })
}

fn principals(statement: &Map<String, Value>, kind: Kind) -> Result<Option<Principals>, PolicyError> {
    match (statement.get("Principal"), statement.get("NotPrincipal"), kind) {
        (None, None, Kind::Identity) => Ok(None),
        (_, _, Kind::Identity) => Err(invalid("Policy document should not specify a principal.")),
        (Some(only), None, _) => Principals::parse(only).map(|named| Some(Principals::Only(named))),
        (None, Some(all_but), _) => Principals::parse(all_but).map(|named| Some(Principals::AllBut(named))),
        _ => Err(syntax("Missing required field Principal")),
    }
}

fn resources(statement: &Map<String, Value>, kind: Kind) -> Result<Listed, PolicyError> {
    match (Listed::parse(statement, "Resource", "NotResource")?, kind) {
        (None, Kind::Trust) => Ok(Listed { patterns: vec!["*".to_owned()], all_but: false }),
        (Some(_), Kind::Trust) => Err(invalid("Has prohibited field Resource")),
        (None, _) => Err(syntax("Resource is missing.")),
        (Some(listed), _) => {
            let wrong = listed.patterns.iter().find(|pattern| *pattern != "*" && Arn::parse(pattern).is_err());
            match wrong {
                Some(wrong) => Err(PolicyError::Invalid(format!("Resource {wrong} must be in ARN format or \"*\"."))),
                None => Ok(listed),
            }
        }
    }
}

fn conditions(statement: &Map<String, Value>) -> Result<Vec<Condition>, PolicyError> {
    let operators = match statement.get("Condition") {
        None => return Ok(Vec::new()),
        Some(Value::Object(operators)) => operators,
        Some(_) => return Err(syntax("Condition is not a JSON object.")),
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let keys = keys.as_object().ok_or_else(|| syntax("A condition operator's value is not a JSON object."))?;
        for (key, values) in keys {
            conditions.push(Condition::parse(operator, key, values)?);
        }
    }
    Ok(conditions)
}
