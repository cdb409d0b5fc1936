//! `jwks`: the key set, read as strictly as the specifications are written, and whether its rotations are safe.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, own_keys};
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::metadata::Metadata;
use crate::oidc::settings::MetadataSource;

const DISCOVERY: StepName = "discovery";
const JWKS: StepName = "jwks";

/// See the module.
pub const KIND: Kind = Kind {
    name: "jwks",
    summary: "Reads the key set strictly and watches how keys rotate.",
    spec: "RFC 7517, RFC 7518 §6, OIDC Core 10.1",
    client: Need::Forbidden,
    user: Need::Forbidden,
    schema: Settings::json_schema,
    parse,
};

/// The kind has no keys of its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {}

fn parse(table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    own_keys::read::<Settings>(table)?;
    Ok(Box::new(Jwks))
}

struct Jwks;

#[async_trait]
impl Probe for Jwks {
    fn steps(&self) -> Vec<StepName> {
        vec![DISCOVERY, JWKS]
    }

    fn cost(&self) -> Cost {
        // The second metadata document only if the first is a 404, or hides the member.
        Cost { requests: 2, burst: 3, ..Cost::default() }
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
            .await
    }
}
