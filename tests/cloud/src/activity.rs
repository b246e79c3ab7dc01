//! What is in flight: notifications, function runs and jobs hold a [`Ticket`]; [`Activity::settled`] waits for none.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts what is in flight. Every clone counts the same.
#[derive(Debug, Clone)]
pub struct Activity {
    count: Arc<watch::Sender<usize>>,
}

impl Default for Activity {
    fn default() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)) }
    }
}

/// One thing in flight; dropped when it has ended. Whoever starts further work takes that work's ticket first.
#[derive(Debug)]
pub struct Ticket {
    count: Arc<watch::Sender<usize>>,
}

impl Activity {
    /// Something starts.
    pub fn begin(&self) -> Ticket {
        self.count.send_modify(|n| *n += 1);
        Ticket { count: Arc::clone(&self.count) }
    }

    /// How much is in flight now.
    pub fn in_flight(&self) -> usize {
        *self.count.borrow()
    }

    /// Returns when nothing is in flight.
    pub async fn settled(&self) {
        let mut changes = self.count.subscribe();
        // The sender lives in `self`, so this cannot fail while we wait.
        let _ = changes.wait_for(|n| *n == 0).await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.count.send_modify(|n| *n = n.saturating_sub(1));
    }
}
