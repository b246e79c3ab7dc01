//! Tests.

use super::*;

fn token_of(route: &str, run: &str, etag: &str, attempt: u32) -> String {
    token(&route.parse().unwrap(), &RunId(run.to_owned()), JobKind::Copy, &etag.parse().unwrap(), attempt)
}

#[test]
fn a_token_is_the_same_wherever_it_is_made() {
    // Pinned: a changed token would let a redelivered event copy everything twice after an update of the function.
    let token = token_of("photos", "2025-06-01T01-00Z-abc", "abc", 1);
    assert_eq!(token, "8591f6383fc9a9804a6bea377b25504dee9193198c32eb7526ff34f660f0e78c");
}

#[test]
fn a_token_differs_with_everything_it_is_made_of() {
    let base = token_of("ab", "cd", "ef", 1);
    for other in [
        token_of("abc", "d", "ef", 1),
        token_of("a", "bcd", "ef", 1),
        token_of("ab", "cde", "f", 1),
        token_of("ab", "cd", "e", 1),
        token_of("ab", "cd", "ef", 2),
        token_of("ab", "cd", "ef", 11),
    ] {
        assert_ne!(other, base);
        assert_eq!(other.len(), 64);
    }
}

#[test]
fn the_jobs_of_a_run_have_tokens_of_their_own() {
    let (route, run, etag) = ("ab".parse().unwrap(), RunId("cd".to_owned()), "ef".parse().unwrap());
    let of = |kind| token(&route, &run, kind, &etag, 1);
    assert_ne!(of(JobKind::Copy), of(JobKind::Large));
}
