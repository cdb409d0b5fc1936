//! What the browser tells: requests, documents, the console.

use serde_json::{Value, json};
use url::Url;

use super::super::answer;
use super::super::bidi::{Event, Failed, lost};
use super::super::broken::{self, Broken};
use super::super::intercept::posted;
use super::super::traffic::text;
use super::super::window::Sight;
use super::BidiWindow;
use crate::fault::{Class, Fault};
use crate::oidc::authorize::is_answer;

impl BidiWindow {
    pub(super) fn on_event(&mut self, event: Event) -> Result<Option<Sight>, Fault> {
        let Event { method, params } = event;
        let own_tab = text(&params["context"]) == Some(&self.fresh.context);
        match method.as_str() {
            "network.beforeRequestSent" if self.concerns(&params) => return self.on_request(&params),
            "network.responseCompleted" if self.concerns(&params) => {
                let gate = self.fresh.gate.as_ref();
                let tunnel = |url: &Url| gate?.tunnel(url.host_str()?, url.port_or_known_default()?);
                if let Some(fault) = self.traffic.answered(&params, tunnel) {
                    return Err(fault);
                }
            }
            "network.fetchError" if self.concerns(&params) => {
                let gate = self.fresh.gate.as_ref();
                let why = |url: &Url| gate?.fault(url.host_str()?, url.port_or_known_default()?);
                if let Some(fault) = self.traffic.failed(&params, why) {
                    return Err(self.unseen(fault));
                }
            }
            // The first that is heard of a document; not every driver tells the earlier one.
            "browsingContext.navigationCommitted" | "browsingContext.domContentLoaded" if own_tab => {
                let navigation = text(&params["navigation"]).map(str::to_owned);
                if navigation.is_some() && navigation == self.committed {
                    return Ok(None);
                }
                self.committed = navigation;
                // Firefox loads a page of its own about what it never asked for.
                if let Some(page) = text(&params["url"]).filter(|url| url.starts_with("about:neterror"))
                    && let Broken::Fault(fault) = broken::read(page, None)
                {
                    return Err(fault);
                }
                self.going = None;
                self.document += 1;
                self.generation = 0;
                self.blind = 0;
                self.looking = None;
                self.arrived = self.fresh.preloaded;
                self.settling = None;
            }
            "browsingContext.contextDestroyed" if own_tab => {
                return Err(Fault::new(Class::Browser, "the browser closed its window in the middle of a login"));
            }
            "log.entryAdded" => self.console.add(&params),
            _ => {}
        }
        Ok(None)
    }

    /// Whether an event is about this window: a browser on loan has only one, but the last one may still be closing.
    fn concerns(&self, params: &Value) -> bool {
        match text(&params["userContext"]) {
            Some(of) => of == self.fresh.user_context,
            None => text(&params["context"]).is_none_or(|of| of == self.fresh.context),
        }
    }

    /// Firefox shows no redirect to an application's own scheme, only that it failed.
    fn unseen(&self, fault: Fault) -> Fault {
        match &self.redirect_uri {
            Some(url) if !url.scheme().starts_with("http") && fault.detail.contains("NS_ERROR_UNKNOWN_PROTOCOL") => {
                let detail = format!("this browser does not tell the answer to {}: use Chromium", url.scheme());
                Fault::new(Class::Unsupported, detail)
            }
            _ => fault,
        }
    }

    fn on_request(&mut self, params: &Value) -> Result<Option<Sight>, Fault> {
        let blocked = params["isBlocked"].as_bool() == Some(true);
        let context = self.fresh.context.clone();
        let Some(sent) = self.traffic.sent(params, &context)? else { return Ok(None) };
        let id = params["request"]["request"].clone();
        if sent.document && self.redirect_uri.as_ref().is_some_and(|ours| is_answer(&sent.url, ours)) {
            self.traffic.forget(params);
            if blocked {
                if params["request"]["method"] == "POST" && params["request"]["goog:postData"].is_null() {
                    self.posted = Some(Box::pin(posted(self.bidi.clone(), id, sent.url)));
                    return Ok(None);
                }
                self.ask("network.failRequest", json!({ "request": id }));
            }
            return Ok(Some(Sight::Answer(answer::caught(&sent.url, &params["request"]))));
        }
        if blocked {
            let headers = self.marking.extended(&sent, &params["request"]["headers"]);
            let mut go = json!({ "request": id });
            if let Some(headers) = headers {
                go["headers"] = headers;
            }
            self.ask("network.continueRequest", go);
        }
        Ok(None)
    }

    /// What a command that nobody waited for came to.
    pub(super) fn on_background(&mut self, result: Result<Value, Failed>) -> Result<(), Fault> {
        match result {
            Err(Failed::Gone) => Err(lost(Failed::Gone)),
            Err(Failed::Said(message)) => {
                // Of a navigation that failed before any request was made of it.
                let going = self.going.clone().filter(|_| self.traffic.pending(self.pressed).is_none());
                match going.and_then(|url| broken::said(&message, &url)) {
                    Some(fault) => Err(fault),
                    None => Ok(()),
                }
            }
            Ok(_) | Err(Failed::Slow) => Ok(()),
        }
    }
}
