//! What commands share that run checks without the daemon.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::outcome::{CheckLabels, Outcome};
use crate::plan::{Check, Plan};
use crate::runner::{Engine, Missed, Watch};
use crate::web::backchannel;

/// How long browsers may take to end.
pub const END_BROWSERS: Duration = Duration::from_secs(5);
/// How long the receiver of logout tokens may take to end its answers.
const CLOSE: Duration = Duration::from_secs(1);

/// Nobody looks on: the command shows the outcomes itself.
pub struct Nobody;

impl Watch for Nobody {
    fn outcome(&self, _: &Arc<Outcome>) {}
    fn missed(&self, _: &CheckLabels, _: Missed, _: u64) {}
    fn started(&self, _: &CheckLabels) {}

    fn lateness(&self, _: Duration) {}
}

/// Where logout tokens arrive while a probe that waits for them runs without the daemon.
pub struct Reception(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Reception {
    /// Listens where the daemon would, if one of the checks waits for logout tokens. Why that cannot be is for the run to
    /// say.
    pub async fn begin<'a>(engine: &Engine, plan: &Plan, checks: impl Iterator<Item = &'a Arc<Check>>) -> Self {
        let receiving = checks.filter(|check| check.probe.probe.receives_logouts());
        let clients: Vec<Arc<str>> = receiving.map(|check| check.labels.client.clone()).collect();
        if clients.is_empty() {
            return Self(None);
        }
        let mailbox = &engine.memories.mailbox;
        let listen = plan.server.listen;
        let listener = match TcpListener::bind(listen).await {
            Ok(listener) => listener,
            Err(error) => {
                mailbox.close(format!(
                    "cannot listen on {listen}: {error}; where the daemon listens, ask it for a run (POST \
                     /api/v1/probes/NAME/run)"
                ));
                return Self(None);
            }
        };
        let expects = Arc::new(move |client: &str| clients.iter().any(|known| **known == *client));
        let receiver = backchannel::Receiver::new(mailbox.clone(), expects);
        let (close, closed) = oneshot::channel::<()>();
        let closed = async {
            let _ = closed.await;
        };
        match backchannel::serve(listener, &plan.server, receiver, closed) {
            Ok(server) => {
                mailbox.open();
                Self(Some((close, tokio::spawn(server))))
            }
            Err(why) => {
                mailbox.close(why);
                Self(None)
            }
        }
    }

    /// Listens no more.
    pub async fn end(self) {
        if let Some((close, server)) = self.0 {
            let _ = close.send(());
            let _ = tokio::time::timeout(CLOSE, server).await;
        }
    }
}
