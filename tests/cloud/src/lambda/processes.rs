//! Which function's process sent a request, by the access key that it alone was given, and the way to kill it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// How long the end of a process is waited for. Only one that runs an event is killed at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// Confirmed when the process has ended.
type Order = oneshot::Sender<()>;

/// The function whose process it is, and where orders for it go.
type Entry = (String, mpsc::Sender<Order>);

/// The processes that are alive, by access key.
#[derive(Debug, Clone, Default)]
pub(super) struct Processes(Arc<Mutex<HashMap<String, Entry>>>);

/// One process's place among them; it is taken out when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    processes: Processes,
    access_key: String,
    orders: mpsc::Receiver<Order>,
}

impl Processes {
    /// A process that is about to start with this access key.
    pub(super) fn enter(&self, function: &str, access_key: &str) -> Place {
        let (sender, orders) = mpsc::channel(1);
        self.with(|all| all.insert(access_key.to_owned(), (function.to_owned(), sender)));
        Place { processes: self.clone(), access_key: access_key.to_owned(), orders }
    }

    /// The function whose process has this access key.
    pub(super) fn function(&self, access_key: &str) -> Option<String> {
        self.with(|all| all.get(access_key).map(|(function, _)| function.clone()))
    }

    /// Kills the process that has this access key, and returns when it is gone.
    pub(super) async fn kill(&self, access_key: &str) {
        let Some((_, orders)) = self.with(|all| all.get(access_key).cloned()) else { return };
        let (done, gone) = oneshot::channel();
        if orders.send(done).await.is_ok() {
            // A sender that was dropped means that the process has ended by itself.
            let _ = tokio::time::timeout(PATIENCE, gone).await;
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<String, Entry>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    /// Waits until the process is to be killed; what it returns is dropped once it is.
    pub(super) async fn killed(&mut self) -> Order {
        match self.orders.recv().await {
            Some(order) => order,
            // The sender stays among the processes as long as this is there.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.processes.with(|all| all.remove(&self.access_key));
    }
}
