//! A browser: keeps cookies, goes where it is sent, fills in the forms it finds. At the sign-in provider it clicks
//! through as whoever is signed in there. It stops where it is sent to an app.
//! Not for: what a program asks (`http`).

use super::http::{Answer, Ask, ORIGIN};
use super::memory::Memory;
use super::providers::Providers;
use atelier::http::{Form as Fields, encode_form};
use std::cell::RefCell;
use std::collections::BTreeMap;

const MAX_HOPS: usize = 12;

pub struct Browser {
    pub memory: Memory,
    pub providers: Providers,
    pub origin: String,
    pub cookies: RefCell<BTreeMap<String, String>>,
}

/// Where the browser has come to.
pub struct Page {
    pub url: String,
    /// Of the last request to the gateway.
    pub answer: Answer,
}

/// A form as it stands on the page: what would be sent if nothing were changed but a button pressed.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Browser {
    pub fn new(memory: &Memory, providers: &Providers) -> Self {
        Self::at(memory, providers, ORIGIN)
    }

    pub fn at(memory: &Memory, providers: &Providers, origin: &str) -> Self {
        let (memory, providers) = (memory.clone(), providers.clone());
        Self { memory, providers, origin: origin.to_owned(), cookies: RefCell::default() }
    }

    /// GET, and on to where that leads.
    pub fn go(&self, target: &str) -> Page {
        self.follow(target, Ask::get(&self.absolute(target)))
    }

    /// GET without following.
    pub fn open(&self, target: &str) -> Answer {
        self.send(Ask::get(&self.absolute(target)))
    }

    pub fn submit(&self, form: &Form) -> Page {
        self.follow(&form.action, self.filled(form))
    }

    /// Sends a form without following.
    pub fn post(&self, form: &Form) -> Answer {
        self.send(self.filled(form))
    }

    /// The request that sends the form.
    pub fn filled(&self, form: &Form) -> Ask {
        let pairs: Vec<_> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Ask::post(&self.absolute(&form.action), encode_form(&pairs))
            .with("content-type", "application/x-www-form-urlencoded")
    }

    pub fn absolute(&self, target: &str) -> String {
        if target.starts_with('/') { format!("{}{target}", self.origin) } else { target.to_owned() }
    }

    /// One request with the jar's cookies; what the answer sets goes into the jar.
    pub fn send(&self, ask: Ask) -> Answer {
        let jar: Vec<_> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let ask = if jar.is_empty() { ask } else { ask.with("cookie", &jar.join("; ")) };
        let answer = self.memory.answer(ask);
        for cookie in answer.headers("set-cookie") {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    fn follow(&self, target: &str, ask: Ask) -> Page {
        let mut url = self.absolute(target);
        let mut answer = self.send(ask);
        for _ in 0..MAX_HOPS {
            let Some(location) = answer.header("location").filter(|_| answer.status == 303) else {
                return Page { url, answer };
            };
            url = self.absolute(location);
            if let Some(back) = self.providers.visit(&url) {
                url = back;
            }
            if !url.starts_with(&self.origin) {
                return Page { url, answer };
            }
            answer = self.send(Ask::get(&url));
        }
        panic!("sent around in circles, last to {url}");
    }

    /// The name of the session's cookie, and its value.
    pub fn session(&self) -> Option<(String, String)> {
        let jar = self.cookies.borrow();
        jar.iter()
            .find(|(name, _)| name.ends_with("atelier-session"))
            .map(|(name, value)| (name.clone(), value.clone()))
    }
}

impl Page {
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    pub fn text(&self) -> String {
        self.answer.text()
    }

    /// A parameter of the address the browser was sent to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.url, name)
    }

    /// The first form with this action.
    pub fn form(&self, action: &str) -> Form {
        let text = self.text();
        let found = forms(&text).into_iter().find(|form| form.action == action);
        found.unwrap_or_else(|| panic!("no form for {action} at {} {}: {text}", self.url, self.status()))
    }

    /// Every form with this action.
    pub fn forms(&self, action: &str) -> Vec<Form> {
        forms(&self.text()).into_iter().filter(|form| form.action == action).collect()
    }
}

pub fn parameter(url: &str, name: &str) -> Option<String> {
    Fields::parse(url.split_once('?')?.1).get(name).map(str::to_owned)
}

impl Form {
    pub fn new(action: &str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { action: action.to_owned(), fields: fields.collect() }
    }

    /// Replaces every field of this name.
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut form = self.without(name);
        form.fields.push((name.to_owned(), value.to_owned()));
        form
    }

    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(key, _)| key != name);
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

fn forms(html: &str) -> Vec<Form> {
    let whole = html.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap());
    whole
        .map(|form| Form {
            action: attribute(form.split('>').next().unwrap(), "action").unwrap_or_default(),
            fields: fields(form),
        })
        .collect()
}

/// Inputs as a browser would send them: boxes only when ticked. And of a select what is selected.
fn fields(form: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for rest in form.split("<input").skip(1) {
        let tag = rest.split('>').next().unwrap();
        let (Some(name), value) = (attribute(tag, "name"), attribute(tag, "value")) else { continue };
        let is_box = tag.contains("type=\"checkbox\"") || tag.contains("type=\"radio\"");
        if !is_box || tag.contains(" checked") {
            found.push((name, value.unwrap_or_default()));
        }
    }
    for rest in form.split("<select").skip(1) {
        let select = rest.split("</select>").next().unwrap();
        let Some(name) = attribute(select.split('>').next().unwrap(), "name") else { continue };
        let options: Vec<_> =
            select.split("<option").skip(1).map(|option| option.split('>').next().unwrap()).collect();
        let chosen = options.iter().find(|option| option.contains(" selected")).or(options.first());
        found.extend(chosen.and_then(|option| Some((name, attribute(option, "value")?))));
    }
    found
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescape(rest.split('"').next()?))
}

pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
