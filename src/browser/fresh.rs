//! A window that nobody has used yet: a user context of its own in a warm browser.

use serde_json::{Value, json};

use super::answer::MAX_FORM;
use super::bidi::{Bidi, COMMAND, Failed};
use super::egress::Gate;
use super::intercept::hold_back;
use super::scripts::{SANDBOX, preload};
use super::traffic::text;

/// A window that nobody has used yet.
pub(super) struct Fresh {
    /// The user context: cookies, storage, cache, permissions of its own.
    pub(super) user_context: String,
    /// Its one tab.
    pub(super) context: String,
    /// Its way out, if the browser is on this machine.
    pub(super) gate: Option<Gate>,
    /// Whether every document begins with our scripts.
    pub(super) preloaded: bool,
    /// Which requests are held back already.
    pub(super) patterns: Vec<Value>,
}

impl Fresh {
    /// Makes one in the browser at the other end. Faults: `browser`.
    /// `patterns`: which requests are held back from the start.
    pub(super) async fn make(
        bidi: &Bidi,
        gate: Option<Gate>,
        user_agent: Option<&str>,
        patterns: Vec<Value>,
    ) -> Result<Self, Failed> {
        let proxy = gate.as_ref().map(|gate| {
            json!({ "proxy": {
                "proxyType": "manual",
                "socksProxy": format!("127.0.0.1:{}", gate.port()),
                "socksVersion": 5,
                // Chromium would go to loopback addresses directly.
                "noProxy": ["<-loopback>"],
            } })
        });
        let made = bidi.command("browser.createUserContext", proxy.unwrap_or(json!({})), COMMAND).await?;
        let user_context = text(&made["userContext"]).unwrap_or_default().to_owned();
        let tab = json!({ "type": "tab", "userContext": user_context });
        let made = bidi.command("browsingContext.create", tab, COMMAND).await?;
        let context = text(&made["context"]).unwrap_or_default().to_owned();
        if let Some(user_agent) = user_agent {
            let set = json!({ "userAgent": user_agent, "contexts": [context] });
            // Older drivers cannot: the browser's own name is no reason not to log in.
            let _ = bidi.command("emulation.setUserAgentOverride", set, COMMAND).await;
            if user_agent.contains("Firefox/") {
                // It tells a posted form only if it was asked to keep it; Chromium tells it with the request.
                let keep = json!({ "dataTypes": ["request"], "maxEncodedDataSize": MAX_FORM, "contexts": [context] });
                let _ = bidi.command("network.addDataCollector", keep, COMMAND).await;
            }
        }
        let script = json!({ "functionDeclaration": preload(), "sandbox": SANDBOX, "contexts": [context] });
        // Where that is not offered they are brought along with the first look.
        let preloaded = bidi.command("script.addPreloadScript", script, COMMAND).await.is_ok();
        if !patterns.is_empty() {
            hold_back(bidi, &context, &patterns).await?;
        }
        Ok(Self { user_context, context, gate, preloaded, patterns })
    }
}
