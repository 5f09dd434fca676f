//! A cheap handle by which one part of the program tells another to stop.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;

/// A wish to stop, shared by its clones. It cannot be taken back.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    wish: Arc<watch::Sender<bool>>,
}

impl Cancel {
    /// Asks everyone who holds a clone to stop.
    pub fn cancel(&self) {
        self.wish.send_replace(true);
    }

    /// Tells whether someone asked to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.wish.borrow()
    }

    /// Returns once someone asks to stop, at once when someone has.
    pub async fn cancelled(&self) {
        if self.wish.subscribe().wait_for(|wish| *wish).await.is_err() {
            // The sender lives in `self`, so it cannot be gone; a wish that cannot come is waited for without end.
            pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_reaches_a_clone_that_waits_and_one_that_comes_later() {
        let cancel = Cancel::default();
        let waiter = tokio::spawn({
            let cancel = cancel.clone();
            async move { cancel.cancelled().await }
        });
        assert!(!cancel.is_cancelled());
        cancel.cancel();
        waiter.await.unwrap();
        assert!(cancel.clone().is_cancelled());
        cancel.cancelled().await;
    }
}
