//! The worker that pushes all metrics every so often. What cannot be delivered is a gap, not a loss: the next push
//! carries the same cumulative counts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use opentelemetry_http::HttpClient as _;
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_sdk::Resource;
use prost::Message as _;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::transport::Transport;
use super::{Health, points, told};
use crate::clock::{Clock, Timestamp};
use crate::sink::metrics::{Metrics, OTLP_METRICS};

pub(super) struct Push {
    pub url: String,
    pub transport: Arc<Transport>,
    pub resource: Resource,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    pub every: Duration,
    pub stopped: watch::Receiver<bool>,
    pub health: Health,
}

impl Push {
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let last = tokio::select! {
                _ = ticks.tick() => false,
                () = told(&mut self.stopped) => true,
            };
            let result = self.push().await;
            if result.is_err() {
                self.metrics.dropped(OTLP_METRICS, 1);
            }
            self.health.report(result);
            if last {
                return;
            }
        }
    }

    async fn push(&self) -> Result<(), String> {
        let (metrics, resource, now) = (self.metrics.clone(), proto(&self.resource), self.clock.now());
        // With many series this takes a while: not on the threads that run probes.
        let bodies = tokio::task::spawn_blocking(move || encode(&metrics, &resource, now));
        for body in bodies.await.map_err(|error| error.to_string())? {
            let request = Request::post(&self.url)
                .header(CONTENT_TYPE, "application/x-protobuf")
                .body(Bytes::from(body))
                .map_err(|error| error.to_string())?;
            let answer = self.transport.send_bytes(request).await.map_err(|error| error.to_string())?;
            if !answer.status().is_success() {
                return Err(format!("status {}", answer.status().as_u16()));
            }
        }
        Ok(())
    }
}

fn encode(metrics: &Metrics, resource: &ProtoResource, now: Timestamp) -> Vec<Vec<u8>> {
    let mut bodies = vec![];
    points::requests(metrics.families(), resource, now, |request| bodies.push(request.encode_to_vec()));
    bodies
}

fn proto(resource: &Resource) -> ProtoResource {
    let attributes = resource.iter().map(|(key, value)| points::attribute(key.as_str(), &value.as_str()));
    ProtoResource { attributes: attributes.collect(), ..Default::default() }
}
