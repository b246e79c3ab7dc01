//! What the end-to-end tests and the demo share: both accounts' clients, the tutorial's policies, the stack as
//! `template.yaml` describes it, a folder's files as objects, and the check that every object arrived.

pub mod clients;
pub mod documents;
pub mod events;
pub mod files;
pub mod large;
pub mod notices;
pub mod route;
pub mod runs;
pub mod stack;
pub mod status;
pub mod template;
pub mod tutorial;
pub mod verify;

/// Whatever ends a test or the demo: shown to a person, never decided upon.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The repository's root.
pub fn repository() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An error with everything that led to it: an SDK's own text is only "service error".
pub fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
