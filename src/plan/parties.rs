//! Whom a `[[probe]]` asks, and as whom.

use std::sync::Arc;

use super::desk::Desk;
use super::probes::{Known, counted};
use super::typed::{self, Item};
use crate::config::model::Probe as Written;
use crate::oidc::settings::{Client, Provider, User};
use crate::probe::Probe;

/// The provider, and the client that it is asked as.
pub fn who(
    desk: &mut Desk<'_>,
    known: &Known,
    item: &Item<'_, Written>,
    written: &Written,
) -> (Option<Arc<Provider>>, Option<Arc<Client>>) {
    let provider_names: Vec<&str> = known.providers.1.iter().map(String::as_str).collect();
    let client_names: Vec<&str> = known.clients.1.iter().map(String::as_str).collect();
    if let Some(name) = &written.provider
        && !provider_names.contains(&name.as_str())
    {
        desk.wrong(typed::unknown(|message| item.mistake("provider", message), "provider", name, &provider_names));
    }
    let find = |name: &str| known.providers.0.iter().find(|provider| *provider.name == *name).cloned();
    let Some(name) = &written.client else {
        return (written.provider.as_deref().and_then(find), None);
    };
    if !client_names.contains(&name.as_str()) {
        desk.wrong(typed::unknown(|message| item.mistake("client", message), "client", name, &client_names));
    }
    let Some(resolved) = known.clients.0.iter().find(|resolved| *resolved.client.name == **name) else {
        return (None, None);
    };
    if let Some(provider) = &written.provider
        && *provider != resolved.provider
    {
        let message = format!("client `{name}` belongs to provider `{}`, not `{provider}`", resolved.provider);
        desk.wrong(item.mistake("provider", message).help("leave `provider` out: the client says it"));
    }
    (find(&resolved.provider), Some(resolved.client.clone()))
}

/// The users who log in: none, one for all regions, or one each region in order.
pub fn users(
    desk: &mut Desk<'_>,
    known: &Known,
    item: &Item<'_, Written>,
    written: &Written,
    regions: usize,
) -> Vec<Arc<User>> {
    let names: Vec<&str> = known.users.1.iter().map(String::as_str).collect();
    if written.user.is_some() && written.users.is_some() {
        desk.wrong(item.mistake("users", "either `user` or `users`, not both"));
    }
    let wanted: Vec<(String, &String)> = match (&written.user, &written.users) {
        (Some(name), _) => vec![("user".to_owned(), name)],
        (None, Some(several)) => several.iter().enumerate().map(|(i, name)| (format!("users.{i}"), name)).collect(),
        (None, None) => Vec::new(),
    };
    if let Some(several) = &written.users
        && several.len() != regions
        && !desk.any_wrong(&item.path.join("regions"))
    {
        let message = format!("{} for {}", counted(several.len(), "user"), counted(regions, "region"));
        desk.wrong(item.mistake("users", message).help("one each region, in order; or `user` for all of them"));
    }
    let mut found = Vec::new();
    for (key, name) in wanted {
        if !names.contains(&name.as_str()) {
            desk.wrong(typed::unknown(|message| item.mistake(&key, message), "user", name, &names));
        }
        found.extend(known.users.0.iter().find(|user| *user.name == **name).cloned());
    }
    found
}

/// The client as which the kind asks besides, by a key of its own.
pub fn second(
    desk: &mut Desk<'_>,
    known: &Known,
    item: &Item<'_, Written>,
    written: &Written,
    probe: &dyn Probe,
) -> Option<Arc<Client>> {
    let (key, name) = probe.second_client()?;
    let names: Vec<&str> = known.clients.1.iter().map(String::as_str).collect();
    if !names.contains(&name) {
        desk.wrong(typed::unknown(|message| item.mistake(key, message), "client", name, &names));
    }
    let find = |name: &str| known.clients.0.iter().find(|resolved| *resolved.client.name == *name);
    let resolved = find(name)?;
    if let Some(first) = written.client.as_deref().and_then(find)
        && first.provider != resolved.provider
    {
        let (theirs, ours) = (&resolved.provider, &first.provider);
        desk.wrong(item.mistake(key, format!("client `{name}` belongs to provider `{theirs}`, not `{ours}`")));
    }
    Some(resolved.client.clone())
}
