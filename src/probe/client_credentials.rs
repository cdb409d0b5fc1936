//! `client_credentials`: a machine asks for a token; the answer is checked point by point, a JWT verified.

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::issued::{self, DISCOVERY, JWKS, Opacity};
use super::{Context, Cost, Kind, Need, ParseContext, Probe, Problem, own_keys};
use crate::fault::Fault;
use crate::journey::{Journey, StepName, Stopped};
use crate::oidc::expect::Expect;
use crate::oidc::settings::Client;
use crate::oidc::token::Grant;

const TOKEN: StepName = "token";
const ACCESS_TOKEN: StepName = "access_token";

/// See the module.
pub const KIND: Kind = Kind {
    name: "client_credentials",
    summary: "Asks for a token as a machine does, checks the answer point by point and verifies a JWT.",
    spec: "RFC 6749 §4.4 and §5, RFC 9068",
    client: Need::Required,
    user: Need::Forbidden,
    attacks: Vec::new,
    schema: Settings::json_schema,
    parse,
};

/// The kind's own keys.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// What to ask for. Absent: the client's scopes, less those that only make sense for users (`openid`,
    /// `offline_access`).
    scopes: Option<Vec<String>>,
    /// The resources that the token is for (RFC 8707), once each.
    resource: Vec<String>,
    /// `audience`, once each, where the provider wants it so.
    audience: Vec<String>,
    /// Further parameters of the token request.
    parameters: BTreeMap<String, String>,
    /// What the token must hold.
    expect: Expect,
    /// Whether the token is revoked afterwards, if the provider offers it. Default: true.
    revoke: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scopes: None,
            resource: vec![],
            audience: vec![],
            parameters: BTreeMap::new(),
            expect: Expect::default(),
            revoke: true,
        }
    }
}

fn parse(table: toml::Table, _: &ParseContext) -> Result<Box<dyn Probe>, Vec<Problem>> {
    let settings: Settings = own_keys::read(table)?;
    let made = ["grant_type", "scope", "client_id", "client_secret"];
    let mut problems = own_keys::reserved(settings.parameters.keys(), &made);
    if settings.expect.acr.is_some() {
        problems.push(own_keys::problem("expect.acr", "no user logs in here, so there is no acr"));
    }
    if problems.is_empty() { Ok(Box::new(ClientCredentials { settings })) } else { Err(problems) }
}

struct ClientCredentials {
    settings: Settings,
}

impl ClientCredentials {
    fn scopes(&self, client: &Client) -> Vec<String> {
        self.settings.scopes.clone().unwrap_or_else(|| issued::machine_scopes(client))
    }

    fn grant(&self, scopes: &[String]) -> Grant {
        let pair = |name: &str, value: &String| (name.to_owned(), value.clone());
        let settings = &self.settings;
        let extra = (settings.resource.iter().map(|value| pair("resource", value)))
            .chain(settings.audience.iter().map(|value| pair("audience", value)))
            .chain(settings.parameters.iter().map(|(name, value)| pair(name, value)))
            .collect();
        Grant::ClientCredentials { scopes: scopes.to_vec(), extra }
    }
}

#[async_trait]
impl Probe for ClientCredentials {
    fn steps(&self) -> Vec<StepName> {
        vec![DISCOVERY, JWKS, TOKEN, ACCESS_TOKEN]
    }

    fn cost(&self) -> Cost {
        let requests = 3 + u32::from(self.settings.revoke);
        // A 404 for the first metadata document, and a key that is not there yet.
        Cost { requests, burst: requests + 2, ..Cost::default() }
    }

    async fn run(&self, cx: &Context, journey: &mut Journey) -> Result<(), Stopped> {
        let relying = cx.relying(journey);
        let metadata = journey.step(DISCOVERY, relying.metadata_for(&["token_endpoint"])).await?;
        let mut keys = issued::keys(journey, &relying, &metadata, Opacity::of(&cx.memory)).await?;
        let scopes = match relying.client() {
            Ok(client) => self.scopes(client),
            Err(fault) => return journey.step(TOKEN, async { Err(fault) }).await,
        };
        let tokens = journey
            .step(TOKEN, async {
                let result = relying.token(&metadata, self.grant(&scopes)).await;
                result.map_err(|fault| issued::unsupported_grant(&relying, &metadata, "client_credentials", fault))
            })
            .await?;
        if self.settings.revoke {
            issued::revoke_later(journey, &relying, &metadata, &tokens.access_token);
        }
        journey
            .step(ACCESS_TOKEN, async {
                let claims = relying.verify_access_token(&metadata, &mut keys, &tokens).await?;
                Opacity::remember(&cx.memory, claims.is_none());
                let mut findings = issued::check_claims(&self.settings.expect, claims.as_ref());
                findings.extend(self.settings.expect.check_scopes(tokens.scope.as_deref(), &scopes));
                Fault::from_findings(findings).map_or(Ok(()), Err)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientCredentials, Vec<Problem>> {
        let settings: Settings = own_keys::read(toml::from_str(text).unwrap())?;
        Ok(ClientCredentials { settings })
    }

    #[test]
    fn scopes_for_users_are_left_out() {
        let mut client = crate::oidc::token::tests::client();
        client.scopes = ["openid", "api", "offline_access"].map(str::to_owned).to_vec();
        assert_eq!(read("").unwrap().scopes(&client), ["api"]);
        assert_eq!(read("scopes = ['openid']").unwrap().scopes(&client), ["openid"]);
        assert!(read("scopes = []").unwrap().scopes(&client).is_empty());
    }

    #[test]
    fn parameters_travel_along() {
        let probe = read("resource = ['urn:a', 'urn:b']\naudience = ['c']\nparameters = { tenant = 'd' }").unwrap();
        let form = probe.grant(&["x".to_owned()]).form();
        let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            form,
            ["grant_type=client_credentials", "scope=x", "resource=urn:a", "resource=urn:b", "audience=c", "tenant=d"]
        );
    }

    #[test]
    fn what_the_probe_makes_itself_cannot_be_set() {
        let table = toml::from_str("parameters = { scope = 'x', ok = 'y' }\nexpect = { acr = 'z' }").unwrap();
        let context = ParseContext { regions: 1, base: ".".into(), client: true };
        let problems: Vec<_> = parse(table, &context).err().unwrap().into_iter().map(|p| p.key).collect();
        assert_eq!(problems, ["parameters.scope", "expect.acr"]);
    }
}
