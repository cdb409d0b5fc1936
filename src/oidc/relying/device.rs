//! Device authorization (RFC 8628): asked for here, polled with [`Relying::token`].

use super::Relying;
use crate::fault::Fault;
use crate::oidc::device::{self, Device};
use crate::oidc::http::Endpoint;
use crate::oidc::metadata::Metadata;
use crate::oidc::settings::AuthMethod;

impl Relying {
    /// Asks for a device code and a user code (§3.1). Faults besides those of the request: see [`device::process`].
    pub async fn device(&self, metadata: &Metadata) -> Result<Device, Fault> {
        let client = self.client()?.clone();
        let mut form = Vec::new();
        // §3.1 asks for it where nothing else says who the client is; some want it in any case.
        if client.auth_method == AuthMethod::ClientSecretBasic {
            form.push(("client_id".to_owned(), client.client_id.to_string()));
        }
        if !client.scopes.is_empty() {
            form.push(("scope".to_owned(), client.scopes.join(" ")));
        }
        let answer =
            self.post(metadata, Endpoint::DeviceAuthorization, "device_authorization_endpoint", &client, form).await?;
        let mut warnings = Vec::new();
        let result = device::process(&answer, &client, &mut warnings);
        if let Ok(device) = &result {
            [&device.device_code, &device.user_code].into_iter().for_each(|code| self.recorder.protect(code.expose()));
            // People type it without what is only there to be read.
            self.recorder.protect(&device.user_code.expose().replace(['-', ' '], ""));
        }
        self.recorder.warn_all(warnings);
        result
    }
}
