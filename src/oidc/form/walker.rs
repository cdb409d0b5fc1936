//! From the authorization request to the answer: redirects followed, forms sent, everything bounded.

use std::collections::HashMap;

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use url::Url;

use super::answers::Answers;
use super::page::{Page, Progress, Setting, cut, place, read};
use super::steps::{Guide, With};
use super::{Next, Submission, Value};
use crate::clock::Clock;
use crate::fault::{Class, Fault};
use crate::journey::Recorder;
use crate::oidc::authorize::{Answer, is_answer};
use crate::oidc::http::{Endpoint, Http, Request, Response};
use crate::outcome::Warning;

/// The most redirects in a row.
const MAX_REDIRECTS: usize = 20;
/// How often one URL may come up in a row of redirects: once more is usual after a cookie was set.
const MAX_VISITS: u8 = 3;
/// The most forms that are sent in one login.
pub(super) const MAX_FORMS: usize = 10;
/// The most pages that are read in one login, those that only lead on included.
pub(super) const MAX_PAGES: usize = 20;

/// Where a walk has come to.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A page that wants something.
    Page(Page),
    /// What was sent to the redirect URI, which itself is never requested.
    Answer(Answer),
}

/// A user agent without scripts, for one login.
#[derive(Clone, Copy)]
pub struct Walker<'a> {
    /// For the requests; keeps the cookies.
    pub http: &'a Http,
    /// For what is seen on the way.
    pub recorder: &'a Recorder,
    /// For one-time codes.
    pub clock: &'a Clock,
    /// Where the walk ends.
    pub redirect_uri: &'a Url,
    /// The endpoint that it begins at; everything else is a login page in the records.
    pub endpoint: (&'a Url, Endpoint),
}

impl Walker<'_> {
    /// Goes to `url` and on to where it leads. Faults: those of [`Http::send`], `redirect`.
    pub async fn open(&self, url: Url) -> Result<Arrival, Fault> {
        let request = self.get(url, None);
        self.follow(request).await
    }

    /// Answers page after page until the provider sends us back. Faults: those of [`Walker::open`] and of
    /// [`super::page::read`].
    pub async fn sign_in(&self, first: Page, guide: &Guide, answers: &Answers) -> Result<Answer, Fault> {
        self.walk(first, Progress::default(), guide, answers).await
    }

    /// The same for a page that comes though our user is logged in: nothing is typed any more, but a question for consent
    /// is answered.
    pub async fn consent(&self, first: Page, answers: &Answers) -> Result<Answer, Fault> {
        let progress = Progress { given: vec![With::Username, With::Password], ..Progress::default() };
        self.walk(first, progress, &Guide::default(), answers).await
    }

    async fn walk(
        &self,
        first: Page,
        mut progress: Progress,
        guide: &Guide,
        answers: &Answers,
    ) -> Result<Answer, Fault> {
        let setting = Setting {
            guide,
            redirect_uri: self.redirect_uri,
            has_totp: answers.has_totp(),
            has_passkey: false,
            user: answers.user(),
        };
        let mut page = first;
        for _ in 0..MAX_PAGES {
            let next = read(&page, &mut progress, setting).map_err(|fault| self.told(fault, &page.url))?;
            if progress.submissions > MAX_FORMS {
                break;
            }
            let arrival = match next {
                Next::Answer(answer) => Arrival::Answer(answer),
                Next::Follow(url) => self.lead_on(&page, url).await?,
                Next::Submit(submission) => self.submit(&page, submission, answers).await?,
            };
            match arrival {
                Arrival::Answer(answer) => return Ok(answer),
                Arrival::Page(next) => page = next,
            }
        }
        let detail =
            format!("no way back to us after {} forms; at {}", progress.submissions.min(MAX_FORMS), place(&page.url));
        Err(Fault::new(Class::LoginPage, detail))
    }

    /// Sends a form of a page that needs no answers of ours.
    pub async fn press(&self, page: &Page, submission: Submission) -> Result<Arrival, Fault> {
        let fields = submission.fields.iter().map(|(name, value)| match value {
            Value::Plain(value) => (name.clone(), value.clone()),
            Value::Answer(_) => (name.clone(), String::new()),
        });
        let fields = fields.collect();
        self.send_form(page, &submission, fields).await
    }

    pub(super) async fn lead_on(&self, page: &Page, url: Url) -> Result<Arrival, Fault> {
        if is_answer(&url, self.redirect_uri) {
            return Ok(Arrival::Answer(Answer::of_url(&url)));
        }
        allowed(&page.url, &url).map_err(|fault| self.told(fault, &page.url))?;
        self.follow(self.get(url, Some(&page.url))).await
    }

    pub(super) async fn submit(
        &self,
        page: &Page,
        submission: Submission,
        answers: &Answers,
    ) -> Result<Arrival, Fault> {
        let mut fields = Vec::with_capacity(submission.fields.len());
        for (name, value) in &submission.fields {
            let value = match value {
                Value::Plain(value) => value.clone(),
                Value::Answer(with) => {
                    answers.value(*with, self.clock, self.recorder, self.http.deadline()).await?.expose().to_owned()
                }
            };
            fields.push((name.clone(), value));
        }
        self.send_form(page, &submission, fields).await
    }

    async fn send_form(
        &self,
        page: &Page,
        submission: &Submission,
        fields: Vec<(String, String)>,
    ) -> Result<Arrival, Fault> {
        if is_answer(&submission.url, self.redirect_uri) {
            return Ok(Arrival::Answer(submission.answer(fields)));
        }
        allowed(&page.url, &submission.url).map_err(|fault| self.told(fault, &page.url))?;
        let mut url = submission.url.clone();
        if !submission.post {
            url.query_pairs_mut().clear().extend_pairs(&fields);
            return self.follow(self.get(url, Some(&page.url))).await;
        }
        let mut request = Request::post(self.label(&url), url, fields);
        request.multipart = submission.multipart;
        request.headers = navigation(Some(&page.url), &request.url);
        // A browser says where a form comes from, and some providers refuse it otherwise (CSRF).
        if let Ok(origin) = HeaderValue::from_str(&page.url.origin().ascii_serialization()) {
            request.headers.insert(header::ORIGIN, origin);
        }
        self.follow(request).await
    }

    fn get(&self, url: Url, from: Option<&Url>) -> Request {
        let headers = navigation(from, &url);
        let mut request = Request::get(self.label(&url), url);
        request.headers = headers;
        request
    }

    fn label(&self, url: &Url) -> Endpoint {
        let (endpoint, label) = self.endpoint;
        match url {
            _ if url.origin() == endpoint.origin() && url.path() == endpoint.path() => label,
            _ if self.http.hosts().is_upstream(url) => Endpoint::Upstream,
            _ => Endpoint::LoginPage,
        }
    }

    /// `fault`, which a page there is to blame for: says so if that is an upstream provider's.
    pub fn told(&self, fault: Fault, url: &Url) -> Fault {
        self.http.hosts().told(fault, url)
    }

    async fn follow(&self, mut request: Request) -> Result<Arrival, Fault> {
        let mut visits: HashMap<Url, u8> = HashMap::new();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.http.send(request.clone()).await?;
            if !redirects(response.status) {
                return Ok(Arrival::Page(page(response)));
            }
            let mut target = location(&response).map_err(|fault| self.told(fault, &response.url))?;
            if forget_user(&mut target) {
                let detail = format!("a redirect of {} names a user in its URL", place(&response.url));
                self.recorder.warn(Warning::new("redirect_user_information", "RFC 9110 §4.2.4", detail));
            }
            self.warn_of_kept_password(&request, response.status);
            if is_answer(&target, self.redirect_uri) {
                return Ok(Arrival::Answer(Answer::of_url(&target)));
            }
            allowed(&request.url, &target).map_err(|fault| self.told(fault, &request.url))?;
            request = redirected(request, response.status, target);
            request.endpoint = self.label(&request.url);
            let seen = visits.entry(request.url.clone()).or_default();
            *seen += 1;
            if *seen > MAX_VISITS {
                let detail = format!("the redirects go in a circle through {}", place(&request.url));
                return Err(self.told(Fault::new(Class::Redirect, detail), &request.url));
            }
        }
        let detail = format!("more than {MAX_REDIRECTS} redirects in a row; at {}", place(&request.url));
        Err(Fault::new(Class::Redirect, detail))
    }

    fn warn_of_kept_password(&self, request: &Request, status: StatusCode) {
        if request.form.is_some() && matches!(status.as_u16(), 307 | 308) {
            let detail = format!("status {} makes browsers send the login form on to the next server", status.as_u16());
            self.recorder.warn(Warning::new("redirect_keeps_form", "RFC 9700 §4.12", detail));
        }
    }
}

/// Whether a status sends the user agent elsewhere (RFC 9110 §15.4).
pub fn redirects(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads to. Fault: `redirect`.
pub fn location(response: &Response) -> Result<Url, Fault> {
    let status = response.status.as_u16();
    let at = place(&response.url);
    let Some(value) = response.headers.get(header::LOCATION) else {
        return Err(Fault::new(Class::Redirect, format!("status {status} without Location from {at}")));
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    let mut target = response.url.join(value.trim()).map_err(|_| {
        Fault::new(Class::Redirect, format!("status {status} from {at} with a Location that is no URL"))
    })?;
    if target.fragment().is_none() {
        // RFC 9110 §10.2.2.
        target.set_fragment(response.url.fragment());
    }
    Ok(target)
}

/// Leaves user information out of a URL, which nobody is sent (RFC 9110 §4.2.4); whether there was any.
fn forget_user(url: &mut Url) -> bool {
    if url.username().is_empty() && url.password().is_none() {
        return false;
    }
    // Only a URL without a host cannot be changed, and that has no user either.
    url.set_username("").is_ok() && url.set_password(None).is_ok()
}

/// Whether one may go from there to there: by HTTP, and never from https to http.
pub(crate) fn allowed(from: &Url, to: &Url) -> Result<(), Fault> {
    let refused = |why: String| Err(Fault::new(Class::Redirect, why));
    match (from.scheme(), to.scheme()) {
        ("https", "http") => refused(format!("{} leads from https to http ({})", place(from), place(to))),
        (_, "http" | "https") => Ok(()),
        (_, scheme) => refused(format!("{} leads to {}: which is not the redirect URI", place(from), cut(scheme, 40))),
    }
}

/// The next request (RFC 9110 §15.4): only 307 and 308 keep method and form.
fn redirected(request: Request, status: StatusCode, target: Url) -> Request {
    let keeps = matches!(status.as_u16(), 307 | 308);
    let headers = navigation(Some(&request.url), &target);
    let mut next = Request::get(request.endpoint, target);
    next.headers = headers;
    if keeps && request.method == Method::POST {
        next.method = request.method;
        next.form = request.form;
        next.multipart = request.multipart;
    }
    next
}

/// What a browser sends when it goes somewhere: `Referer` as the default policy (`strict-origin-when-cross-origin`) says.
pub fn navigation(from: Option<&Url>, to: &Url) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"));
    let Some(from) = from.filter(|from| from.scheme() == to.scheme() || from.scheme() == "http") else {
        return headers;
    };
    let referer = if from.origin() == to.origin() {
        // RFC 9110 §10.1.3.
        let mut full = from.clone();
        full.set_fragment(None);
        forget_user(&mut full);
        full.to_string()
    } else {
        format!("{}/", from.origin().ascii_serialization())
    };
    if let Ok(referer) = HeaderValue::from_str(&referer) {
        headers.insert(header::REFERER, referer);
    }
    headers
}

/// An answer that is no redirect, as a page.
pub fn page(response: Response) -> Page {
    let text = |name: &str| {
        let value = response.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        String::from_utf8_lossy(value).to_ascii_lowercase()
    };
    let content_type = text("content-type");
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
    let latin = ["iso-8859-1", "iso-8859-15", "windows-1252"].iter().any(|charset| content_type.contains(charset));
    let content = match std::str::from_utf8(&response.body) {
        Ok(text) => text.to_owned(),
        // The letters of markup are the same in all; names of fields are hardly ever beyond ASCII.
        Err(_) if latin => response.body.iter().map(|byte| char::from(*byte)).collect(),
        Err(_) => String::from_utf8_lossy(&response.body).into_owned(),
    };
    Page {
        status: response.status.as_u16(),
        media_type,
        gatekeeper: text("cf-mitigated") == "challenge",
        url: response.url,
        content,
    }
}

#[cfg(test)]
#[path = "walker_tests.rs"]
mod tests;
