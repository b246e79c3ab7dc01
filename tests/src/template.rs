//! Reads `template.yaml` as CloudFormation would, as far as the tests need it: parameters with their defaults, `!Ref`,
//! `!Sub`, `!GetAtt`, `!If` and conditions. So what the tests run with is what a user deploys.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value as Json};
use serde_yaml_ng::Value as Yaml;

use crate::Error;

/// The stack that everything here belongs to.
pub const STACK_ID: &str =
    "arn:aws:cloudformation:us-east-1:222222222222:stack/transship-demo/5f1f7b60-0000-4000-8000-000000000000";

/// A managed policy as CloudFormation would make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Another one where CloudFormation replaces the policy: its name, description or path differ (the properties of
    /// `AWS::IAM::ManagedPolicy` that cannot be changed). What else differs, it changes in place.
    pub physical_id: String,
    /// What it allows.
    pub document: Json,
}

/// A template with its parameters' values.
#[derive(Debug)]
pub struct Template {
    document: Yaml,
    names: BTreeMap<String, String>,
}

impl Template {
    /// Reads a template; `parameters` override its defaults. A parameter that it does not know, or one without a value,
    /// is an error, as on `sam deploy`.
    pub fn read(text: &str, account: &str, region: &str, parameters: &[(&str, &str)]) -> Result<Self, Error> {
        let document: Yaml = serde_yaml_ng::from_str(text)?;
        let mut names: BTreeMap<String, String> = [
            ("AWS::AccountId", account),
            ("AWS::Region", region),
            ("AWS::Partition", "aws"),
            ("AWS::StackId", STACK_ID),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let declared = document["Parameters"].as_mapping().ok_or("the template has no Parameters")?;
        for (name, _) in parameters {
            if !declared.contains_key(*name) {
                return Err(format!("the template has no parameter {name}").into());
            }
        }
        for (name, parameter) in declared {
            let name = name.as_str().ok_or("a parameter's name is no string")?;
            let given = parameters.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
            let value =
                given.or_else(|| scalar(&parameter["Default"])).ok_or(format!("parameter {name} needs a value"))?;
            names.insert(name.to_owned(), value);
        }
        Ok(Self { document, names })
    }

    /// The properties of a resource, resolved.
    pub fn properties(&self, resource: &str) -> Result<Json, Error> {
        let found = &self.document["Resources"][resource]["Properties"];
        if found.is_null() {
            return Err(format!("the template has no resource {resource}").into());
        }
        self.resolve(found)
    }

    /// The managed policies that the template attaches to a role of its own.
    pub fn managed_policies(&self, role: &str) -> Result<Vec<ManagedPolicy>, Error> {
        let resources = self.document["Resources"].as_mapping().ok_or("the template has no Resources")?;
        let mut found = Vec::new();
        for (name, resource) in resources {
            if resource["Type"].as_str() != Some("AWS::IAM::ManagedPolicy") {
                continue;
            }
            let name = scalar(name).ok_or("a resource's name is no string")?;
            let mut properties = self.properties(&name)?;
            if properties["Roles"].as_array().is_some_and(|roles| roles.iter().any(|attached| attached == role)) {
                let fixed =
                    ["ManagedPolicyName", "Description", "Path"].map(|property| properties[property].to_string());
                let mut hasher = DefaultHasher::new();
                fixed.hash(&mut hasher);
                let physical_id = format!("{name}-{:x}", hasher.finish());
                found.push(ManagedPolicy { physical_id, document: properties["PolicyDocument"].take() });
            }
        }
        Ok(found)
    }

    fn resolve(&self, value: &Yaml) -> Result<Json, Error> {
        Ok(match value {
            Yaml::Tagged(tagged) => return self.call(&tagged.tag.to_string(), &tagged.value),
            Yaml::Mapping(mapping) => {
                let mut object = Map::new();
                for (key, value) in mapping {
                    let value = self.resolve(value)?;
                    if !value.is_null() {
                        object.insert(scalar(key).ok_or("a key is no string")?, value);
                    }
                }
                Json::Object(object)
            }
            Yaml::Sequence(items) => {
                let items = items.iter().map(|item| self.resolve(item)).collect::<Result<Vec<_>, _>>()?;
                Json::Array(items.into_iter().filter(|item| !item.is_null()).collect())
            }
            other => serde_json::to_value(other)?,
        })
    }

    fn call(&self, function: &str, argument: &Yaml) -> Result<Json, Error> {
        match function {
            "!Ref" => {
                let name = scalar(argument).ok_or("!Ref wants a name")?;
                if name == "AWS::NoValue" {
                    return Ok(Json::Null);
                }
                if self.document["Resources"][name.as_str()]["Type"].as_str() == Some("AWS::SNS::Topic") {
                    return self.topic_arn(&name);
                }
                // A resource's own name stands for whatever CloudFormation would call it.
                Ok(Json::String(self.names.get(&name).cloned().unwrap_or(name)))
            }
            "!GetAtt" => self.attribute(&scalar(argument).ok_or("!GetAtt wants a name")?),
            "!Sub" => self.substitute(argument),
            "!If" => {
                let arguments = argument.as_sequence().ok_or("!If wants a list")?;
                let [condition, yes, no] = arguments.as_slice() else { return Err("!If wants three arguments".into()) };
                let name = scalar(condition).ok_or("!If wants a condition's name")?;
                self.resolve(if self.holds(&self.document["Conditions"][name.as_str()])? { yes } else { no })
            }
            "!Select" => {
                let [index, list] = self.arguments(argument)?;
                let index: usize = index.as_u64().ok_or("!Select wants a number")?.try_into()?;
                Ok(list.get(index).cloned().ok_or("!Select finds nothing")?)
            }
            "!Split" => {
                let [delimiter, text] = self.arguments(argument)?;
                let (delimiter, text) = (delimiter.as_str().ok_or("!Split wants a text")?, text.as_str());
                Ok(text.ok_or("!Split wants a text")?.split(delimiter).map(Json::from).collect::<Vec<_>>().into())
            }
            other => Err(format!("{other} is not read here").into()),
        }
    }

    fn arguments(&self, argument: &Yaml) -> Result<[Json; 2], Error> {
        let list = argument.as_sequence().ok_or("the function wants a list")?;
        let list = list.iter().map(|item| self.resolve(item)).collect::<Result<Vec<_>, _>>()?;
        list.try_into().map_err(|_| "the function wants two arguments".into())
    }

    /// An ARN that only names the resource, where an ARN is asked for; else the attribute's own name.
    fn attribute(&self, path: &str) -> Result<Json, Error> {
        let Some(resource) = path.strip_suffix(".Arn") else { return Ok(Json::String(path.to_owned())) };
        let kind = self.document["Resources"][resource]["Type"].as_str().ok_or(format!("no resource {resource}"))?;
        let service = kind.split("::").nth(1).unwrap_or_default().to_lowercase();
        let (region, account) = (&self.names["AWS::Region"], &self.names["AWS::AccountId"]);
        Ok(Json::String(format!("arn:aws:{service}:{region}:{account}:{resource}")))
    }

    /// What a topic is known by is its ARN.
    fn topic_arn(&self, resource: &str) -> Result<Json, Error> {
        let name = self.resolve(&self.document["Resources"][resource]["Properties"]["TopicName"])?;
        let name = name.as_str().ok_or("a topic needs a name here")?;
        let (region, account) = (&self.names["AWS::Region"], &self.names["AWS::AccountId"]);
        Ok(Json::String(format!("arn:aws:sns:{region}:{account}:{name}")))
    }

    fn substitute(&self, argument: &Yaml) -> Result<Json, Error> {
        let mut names = self.names.clone();
        let text = match argument {
            Yaml::Sequence(both) => {
                for (name, value) in both.get(1).and_then(Yaml::as_mapping).ok_or("!Sub wants a map")? {
                    let value = self.resolve(value)?;
                    names.insert(
                        scalar(name).ok_or("a name is no string")?,
                        value.as_str().unwrap_or_default().to_owned(),
                    );
                }
                scalar(&both[0])
            }
            other => scalar(other),
        };
        let mut text = text.ok_or("!Sub wants a text")?;
        for (name, value) in &names {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        if text.contains("${") { Err(format!("!Sub leaves {text}").into()) } else { Ok(Json::String(text)) }
    }

    fn holds(&self, condition: &Yaml) -> Result<bool, Error> {
        let Yaml::Tagged(tagged) = condition else { return Err("a condition is a function".into()) };
        let arguments = tagged.value.as_sequence().ok_or("a condition takes a list")?;
        match tagged.tag.to_string().as_str() {
            "!Not" => Ok(!self.holds(&arguments[0])?),
            "!Or" => arguments.iter().try_fold(false, |held, one| Ok(held || self.holds(one)?)),
            "!Equals" => Ok(self.resolve(&arguments[0])? == self.resolve(&arguments[1])?),
            other => Err(format!("condition {other} is not read here").into()),
        }
    }
}

/// A string, number or boolean as CloudFormation passes it: text.
fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
Parameters:
  Name: { Type: String }
  Region: { Type: String, Default: "" }
Conditions:
  Here: !Equals [!Ref Region, ""]
Resources:
  Topic: { Type: "AWS::SNS::Topic", Properties: { TopicName: !Sub "${Name}-t" } }
  Thing:
    Properties:
      Told: !Ref Topic
      Name: !Sub "x-${Name}-${AWS::AccountId}"
      Where: !If [Here, !Ref "AWS::Region", !Ref Region]
      Gone: !If [Here, !Ref "AWS::NoValue", 1]
      List: [1, !If [Here, !Ref "AWS::NoValue", 2], 3]
      Part: !Select [1, !Split ["/", !Ref "AWS::StackId"]]
"#;

    #[test]
    fn resolves_what_our_template_uses() {
        let template = Template::read(TEXT, "222222222222", "us-east-1", &[("Name", "a")]).unwrap();
        let expected = serde_json::json!({ "Told": "arn:aws:sns:us-east-1:222222222222:a-t", "Name": "x-a-222222222222", "Where": "us-east-1", "List": [1, 3], "Part": "transship-demo" });
        assert_eq!(template.properties("Thing").unwrap(), expected);
    }

    #[test]
    fn unknown_and_missing_parameters_are_errors() {
        assert!(Template::read(TEXT, "1", "r", &[]).unwrap_err().to_string().contains("Name needs a value"));
        assert!(Template::read(TEXT, "1", "r", &[("Nmae", "a")]).unwrap_err().to_string().contains("Nmae"));
    }
}
