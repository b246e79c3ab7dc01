//! What a function wrote: the last lines of its standard output and standard error.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Lines kept for each function.
const KEPT: usize = 10_000;

/// One function's log, of all its environments together.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: Mutex<VecDeque<String>>,
}

impl Log {
    /// The lines kept, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Reads one stream of a process until it ends.
    pub(super) fn follow(self: &Arc<Self>, function: &str, stream: impl AsyncRead + Unpin + Send + 'static) {
        let (log, function) = (Arc::clone(self), function.to_owned());
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            // By bytes, so that a line that is not UTF-8 does not end the log.
            while matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                tracing::info!(function, "{text}");
                log.push(text);
                line.clear();
            }
        });
    }
}
