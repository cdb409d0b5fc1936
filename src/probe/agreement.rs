//! The step that compares what regions, and nodes behind one name, are told: shared by `discovery` and `jwks`.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use url::Url;

use super::own_keys::problem;
use super::{Context, Problem};
use crate::duration::HumanDuration;
use crate::fault::{Class, Fault};
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::agreement::{Document, Opinion};
use crate::oidc::metadata::Metadata;
use crate::oidc::relying::Relying;
use crate::outcome::{Observation, Warning};

/// Its name.
pub const AGREEMENT: StepName = "agreement";
/// How long places may differ unless `grace` says otherwise: a change does not reach all of them at once.
pub const GRACE: HumanDuration = HumanDuration::from_secs(120);
/// The longest that may be let pass.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The probe's `grace`, if it can be one.
pub fn grace(given: HumanDuration) -> Result<Duration, Problem> {
    match given.0 <= LONGEST {
        true => Ok(given.0),
        false => Err(problem("grace", "at most \"1d\": what differs for longer should be told")),
    }
}

/// Asks every node, where `resolve` lists several, and compares what this region is told with what others were. A node
/// that takes no connection is a warning, since clients go to the next; one that answers wrongly is a fault.
pub async fn compare(
    cx: &Context,
    journey: &mut Journey,
    relying: &Relying,
    document: Document,
    metadata: &Metadata,
    grace: Duration,
) -> Result<(), Stopped> {
    let url = match document {
        Document::Discovery => metadata.document().and_then(|of| of.url(metadata.issuer()).ok()),
        Document::Jwks => metadata.optional_endpoint("jwks_uri"),
    };
    let nodes = url.as_ref().map(|url| relying.nodes(url)).unwrap_or_default();
    if nodes.is_empty() && relying.opinion(document, grace) == Opinion::Alone {
        let why = match cx.regions.len() {
            1 => "one region and one address: nothing to compare",
            _ => "no other region has looked yet",
        };
        journey.skip(AGREEMENT, why);
        return Ok(());
    }
    let work = async {
        if let Some(url) = &url {
            ask(relying, document, metadata, url, &nodes).await?;
        }
        judge(relying, document, grace)
    };
    journey.step(AGREEMENT, work).await
}

async fn ask(
    relying: &Relying,
    document: Document,
    metadata: &Metadata,
    url: &Url,
    nodes: &[IpAddr],
) -> Result<(), Fault> {
    let answers = join_all(nodes.iter().map(|node| {
        let there = relying.at(url, *node);
        async move { (*node, there.view(document, metadata).await) }
    }));
    let (mut silent, mut broken) = (Vec::new(), Vec::new());
    for (node, answer) in answers.await {
        match answer {
            Ok((view, at)) => relying.saw(document, url, Some(node), view, at),
            Err(fault) if fault.class == Class::Connect => silent.push((node, fault)),
            Err(fault) => broken.push((node, fault)),
        }
    }
    for (node, fault) in &silent {
        let detail = format!("one of {} nodes takes no connection: {node}: {}", nodes.len(), fault.detail);
        relying.recorder.warn(Warning::new("node_unreachable", "", detail));
    }
    // Not one answered although the name did a moment ago.
    if silent.len() == nodes.len() {
        broken.append(&mut silent);
    }
    let more = broken.len().saturating_sub(1);
    match broken.into_iter().next() {
        None => Ok(()),
        Some((node, mut fault)) => {
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            fault.detail = format!("node {node}: {}{more}", fault.detail);
            Err(fault)
        }
    }
}

fn judge(relying: &Relying, document: Document, grace: Duration) -> Result<(), Fault> {
    let opinion = relying.opinion(document, grace);
    let agree = !matches!(opinion, Opinion::Odd(_));
    if opinion != Opinion::Alone {
        relying.recorder.observe(Observation::Agreement { document: document.as_str(), agree });
    }
    match opinion {
        Opinion::Alone | Opinion::Agree => Ok(()),
        Opinion::Elsewhere(detail) => {
            relying.recorder.warn(Warning::new("documents_differ", "", detail));
            Ok(())
        }
        Opinion::Odd(detail) => Err(Fault::new(Class::RegionsDisagree, detail)),
    }
}
