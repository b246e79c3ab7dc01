use transship::policy::{BUCKET_POLICY_LIMIT, PolicyError, merge, remove, stale_principals};

use super::support::{ours, route, route_named};

fn refusal(text: &str) -> PolicyError {
    let route = route();
    remove(text, &route.sid_prefix()).unwrap_err();
    merge(Some(text), &ours(&route), &route.sid_prefix()).unwrap_err()
}

#[test]
fn what_is_not_a_policy_is_refused_with_what_stands_there() {
    let cases = [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{\"Statement\":[]} trailing", "not JSON"),
        ("\u{feff}{\"Statement\":[]}", "not JSON"),
        ("null", "null stands there"),
        ("[]", "a list stands there"),
        ("\"{}\"", "a string stands there"),
        ("{}", "no `Statement`"),
        ("{\"statement\":[]}", "no `Statement`"),
        ("{\"Statement\":null}", "null stands there"),
        ("{\"Statement\":\"*\"}", "a string stands there"),
        ("{\"Statement\":7}", "a number stands there"),
        ("{\"Statement\":[{},true]}", "statement 1 (counted from 0) should be an object, but a boolean stands there"),
        ("{\"Statement\":[[{}]]}", "a list stands there"),
        ("{\"Statement\":[],\"Statement\":[{}]}", "`Statement` twice"),
        ("{\"Version\":\"2012-10-17\",\"Statement\":[],\"Version\":\"2008-10-17\"}", "`Version` twice"),
    ];
    for (text, says) in cases {
        let said = refusal(text).to_string();
        assert!(said.contains(says), "{text:?} was refused with {said:?}");
    }
}

#[test]
fn depth_beyond_reason_is_refused_and_does_not_overflow() {
    let deep = format!("{{\"Statement\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(matches!(refusal(&deep), PolicyError::NotJson(_)));
}

#[test]
fn a_policy_over_the_limit_is_refused_with_the_sizes() {
    let route = route();
    let ours = ours(&route);
    let padded = |sid: usize| format!("{{\"Statement\":[{{\"Sid\":\"{}\",\"Effect\":\"Deny\"}}]}}", "x".repeat(sid));
    let spare = BUCKET_POLICY_LIMIT - merge(Some(&padded(0)), &ours, &route.sid_prefix()).unwrap().text.len();
    let full = merge(Some(&padded(spare)), &ours, &route.sid_prefix()).unwrap();
    assert_eq!(full.text.len(), BUCKET_POLICY_LIMIT);
    let error = merge(Some(&padded(spare + 1)), &ours, &route.sid_prefix()).unwrap_err();
    let PolicyError::TooLarge { bytes, limit, others, ours } = error else { panic!("{error}") };
    assert_eq!((bytes, limit, others + ours), (BUCKET_POLICY_LIMIT + 1, BUCKET_POLICY_LIMIT, bytes));
    assert!(ours > 200 && others > spare, "{ours} of ours, {others} of others");
}

#[test]
fn white_space_does_not_count_against_the_limit() {
    let route = route();
    let airy =
        format!("{{\"Statement\":[{{\"Sid\":\"a b\\\" c\\\\\",{}\"Effect\":\"Deny\"}}]}}", " \n\t".repeat(10_000));
    let merged = merge(Some(&airy), &ours(&route), &route.sid_prefix()).unwrap();
    assert!(
        merged.text.starts_with("{\"Statement\":[{\"Sid\":\"a b\\\" c\\\\\",\"Effect\":\"Deny\"},"),
        "{}",
        merged.text
    );
}

#[test]
fn only_statements_of_the_route_are_merged() {
    let (mine, other) = (route_named("mine"), route_named("other"));
    let error = merge(None, &ours(&other), &mine.sid_prefix()).unwrap_err();
    assert!(matches!(error, PolicyError::ForeignSid { .. }), "{error}");
    let twice = [ours(&mine), ours(&mine)].concat();
    let error = merge(None, &twice, &mine.sid_prefix()).unwrap_err();
    assert!(matches!(error, PolicyError::DuplicateSid(_)), "{error}");
    assert!(matches!(merge(None, &[], &mine.sid_prefix()).unwrap_err(), PolicyError::NothingToMerge));
}

#[test]
fn a_deleted_principal_is_found_by_its_unique_id() {
    let policy = r#"{"Statement":[
        {"Sid":"Live","Principal":{"AWS":["arn:aws:iam::222222222222:role/AROAnotAnId","222222222222"]}},
        {"Principal":{"AWS":["222222222222","AROAEXAMPLEID12345678"]}},
        {"Sid":"User","NotPrincipal":{"AWS":"AIDAEXAMPLEID12345678"}},
        {"Sid":"All","Principal":"*"}]}"#;
    let stale = stale_principals(policy).unwrap();
    let found: Vec<_> = stale.iter().map(|one| (one.index, one.sid.as_deref(), one.id.as_str())).collect();
    assert_eq!(found, [(1, None, "AROAEXAMPLEID12345678"), (2, Some("User"), "AIDAEXAMPLEID12345678")]);
}
