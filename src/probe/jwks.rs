//! `jwks`: the key set, read as strictly as the specifications are written, and whether its rotations are safe.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::agreement::{self, AGREEMENT, GRACE};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, own_keys};
use crate::duration::HumanDuration;
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::agreement::Document;
use crate::oidc::metadata::Metadata;
use crate::oidc::settings::MetadataSource;

const DISCOVERY: StepName = "discovery";
const JWKS: StepName = "jwks";

/// See the module.
pub const KIND: Kind = Kind {
    name: "jwks",
    summary: "Reads the key set strictly, watches how keys rotate, and compares what regions and nodes are given.",
    spec: "RFC 7517, RFC 7518 §6, OIDC Core 10.1",
    client: Need::Forbidden,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema: Settings::json_schema,
    parse,
};

/// The kind's own keys.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// How long regions, or nodes behind one name, may be given different key sets, besides the time that caches may keep
    /// one (`Cache-Control`). Default: "2m".
    grace: HumanDuration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { grace: GRACE }
    }
}

fn parse(table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let settings: Settings = own_keys::read(table)?;
    let grace = agreement::grace(settings.grace).map_err(|wrong| vec![wrong])?;
    Ok(Box::new(Jwks { grace }))
}

struct Jwks {
    grace: Duration,
}

#[async_trait]
impl Probe for Jwks {
    fn steps(&self) -> Vec<StepName> {
        vec![DISCOVERY, JWKS, AGREEMENT]
    }

    fn cost(&self) -> Cost {
        // The second metadata document only if the first is a 404, or hides the member.
        Cost { requests: 2, burst: 3, ..Cost::default() }
    }

    fn cost_over(&self, nodes: u32) -> Cost {
        Cost { requests: 2 + nodes, burst: 3 + nodes, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let provider = &cx.provider;
        let known = provider.metadata == MetadataSource::None || provider.endpoints.contains_key("jwks_uri");
        let metadata = if known {
            journey.skip(DISCOVERY, "jwks_uri is configured");
            Metadata::configured(&provider.issuer, &provider.endpoints)
        } else {
            journey.step(DISCOVERY, relying.fetch_metadata(&["jwks_uri"])).await?
        };
        journey
            .step(JWKS, async {
                let (_, findings) = relying.fetch_keys(&metadata).await?;
                Fault::from_findings(findings).map_or(Ok(()), Err)
            })
            .await?;
        agreement::compare(cx, journey, &relying, Document::Jwks, &metadata, self.grace).await
    }
}
