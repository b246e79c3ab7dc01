//! Between the policy language as AWS has it and as [`iam_rs`] 0.8 reads it.
//!
//! Three things go wrong if its matcher is fed as is: a `*` in the *request* (an object may be called `*`) is taken for
//! the pattern's; `${*}`, `${?}`, `${$}` are unknown and variables in conditions are left as text; and `*` in an ARN
//! condition runs across the colons. So whatever must be literal is written in characters of Unicode's private use area,
//! which no request has, and variables are filled in here.

use super::context::Context;

const STAR: char = '\u{E02A}';
const QUESTION: char = '\u{E03F}';
const DOLLAR: char = '\u{E024}';
const COLON: char = '\u{E03A}';

/// Stands where a variable has no value: equal to nothing in any request.
const NOTHING: char = '\u{E000}';

/// Text of a request: nothing in it is a wildcard.
pub(super) fn literal(text: &str) -> String {
    text.chars().map(literal_char).collect()
}

fn literal_char(char: char) -> char {
    match char {
        '*' => STAR,
        '?' => QUESTION,
        '$' => DOLLAR,
        other => other,
    }
}

/// An ARN, its first five colons such that a wildcard cannot take them: value and pattern both have exactly five, so a
/// `*` that took one would leave too few for the rest.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>
pub(super) fn arn(text: &str) -> String {
    text.replacen(':', &COLON.to_string(), 5)
}

/// A policy's ARN pattern, as [`arn`] writes values. Short of six components it is no ARN: only `*` is still taken.
pub(super) fn arn_pattern(pattern: &str) -> String {
    match pattern.matches(':').count() {
        0..5 if pattern != "*" => NOTHING.to_string(),
        _ => arn(pattern),
    }
}

/// Whether a policy's text has variables at all.
pub(super) fn has_variables(text: &str) -> bool {
    text.contains("${")
}

/// A policy's text with its variables filled in, if there are `variables`. `wildcards` says whether `*` and `?` in it
/// are wildcards, as in Resource and `StringLike`, or text, as in `StringEquals`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
pub(super) fn fill(text: &str, variables: Option<&Context>, wildcards: bool) -> String {
    let mut filled = String::with_capacity(text.len());
    let own = |text: &str| if wildcards { text.replace('$', &DOLLAR.to_string()) } else { literal(text) };
    let mut rest = text;
    while let (Some(context), Some((before, after))) = (variables, rest.split_once("${"))
        && let Some((variable, after)) = after.split_once('}')
    {
        filled.push_str(&own(before));
        filled.push_str(&value(variable, context));
        rest = after;
    }
    filled.push_str(&own(rest));
    filled
}

/// `*`, `?`, `$` for themselves, `key`, or `key, 'default'`.
fn value(variable: &str, context: &Context) -> String {
    if let "*" | "?" | "$" = variable {
        return literal(variable);
    }
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
        None => (variable.trim(), None),
    };
    // A key of several values cannot be a variable.
    let known = context.get(key).filter(|values| values.len() == 1).map(|values| values[0].as_str());
    known.or(default).map_or_else(|| NOTHING.to_string(), literal)
}
