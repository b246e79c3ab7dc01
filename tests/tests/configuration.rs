//! docs/CONFIGURATION.md, held against the templates and the code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;

use serde_yaml_ng::Value;
use transship::config::{Presence, Setting};
use transship::setup::{PARAMETERS, PATIENCE_SECONDS, RELEASE, STACK_ID, TRIGGERS};

const DOC: &str = include_str!("../../docs/CONFIGURATION.md");

/// Name and default of each row of one section's table.
fn documented(heading: &str) -> BTreeMap<String, String> {
    let section = DOC.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).skip(1);
        (cells.next().unwrap(), cells.next().unwrap())
    })
    .collect()
}

/// Name and default of each parameter of a template.
fn parameters(template: &str) -> BTreeMap<String, String> {
    let template: Value = serde_yaml_ng::from_str(template).unwrap();
    let default = |parameter: &Value| match &parameter["Default"] {
        Value::Null => "required".to_owned(),
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.as_u64().unwrap().to_string(),
    };
    let parameters = template["Parameters"].as_mapping().unwrap();
    parameters.iter().map(|(name, parameter)| (name.as_str().unwrap().to_owned(), default(parameter))).collect()
}

#[test]
fn every_parameter_of_both_templates_has_a_row_with_its_default() {
    let destination = parameters(include_str!("../../template.yaml"));
    assert!(destination.len() > 20);
    assert_eq!(documented("Parameters of template.yaml"), destination);
    assert_eq!(documented("Parameters of source-account.yaml"), parameters(include_str!("../../source-account.yaml")));
}

#[test]
fn every_variable_of_setup_has_a_row_with_its_default() {
    let default = |setting: &Setting| match setting.presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional => "none".to_owned(),
        Presence::Default(value) => value.to_owned(),
    };
    let settings = PARAMETERS.iter().map(|parameter| &parameter.setting).chain([&STACK_ID, &PATIENCE_SECONDS]);
    let expected: BTreeMap<_, _> = settings.map(|setting| (setting.name.to_owned(), default(setting))).collect();
    assert_eq!(documented("setup"), expected);
}

/// What the template gives setup, as properties and as variables, is what setup reads, and all of it.
#[test]
fn the_template_gives_setup_every_parameter_twice() {
    let template: Value = serde_yaml_ng::from_str(include_str!("../../template.yaml")).unwrap();
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<String> =
            value.as_mapping().unwrap().keys().map(|name| name.as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let sorted = |names: Vec<&str>| {
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    let resources = &template["Resources"];
    let mut properties: Vec<&str> = PARAMETERS.iter().map(|parameter| parameter.property).collect();
    properties.extend(["ServiceToken", "ServiceTimeout"]);
    properties.extend(TRIGGERS);
    assert_eq!(names(&resources["CopyRoute"]["Properties"]), sorted(properties));
    let mut variables: Vec<&str> = PARAMETERS.iter().map(|parameter| parameter.setting.name).collect();
    variables.extend(["ACCOUNT_ID", STACK_ID.name]);
    assert_eq!(names(&resources["Setup"]["Properties"]["Environment"]["Variables"]), sorted(variables));
}

/// CloudFormation calls setup only when a property changes: a release that left this one as it was would not be applied.
#[test]
fn the_template_names_this_release() {
    let template: Value = serde_yaml_ng::from_str(include_str!("../../template.yaml")).unwrap();
    assert_eq!(template["Resources"]["CopyRoute"]["Properties"]["Release"], RELEASE);
}
