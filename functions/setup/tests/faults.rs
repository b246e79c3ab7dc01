//! Faults on the way: each call that `setup` makes fails in turn, and
//! `CloudFormation` still gets an answer, a rollback leaves nothing of ours,
//! and a second try reaches the same end state.
