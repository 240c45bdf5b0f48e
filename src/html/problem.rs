//! The page for what cannot go on: a wrong redirect address, an expired request, another browser, a refused
//! sign-in, an unknown client.

use super::parts;
use maud::html;

#[derive(Clone, Debug)]
pub struct Problem {
    pub title: String,
    /// What happened.
    pub what: String,
    /// What to do now.
    pub next: String,
    pub request_id: String,
    pub link: Option<Link>,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub label: String,
    pub href: String,
}

pub fn problem(view: &Problem) -> String {
    let main = html! {
        div.narrow {
            div.heading {
                h1 { (view.title) }
                p.lead { (view.what) }
            }
            section.card aria-labelledby="next" {
                h2 #next { "What to do" }
                p { (view.next) }
                @if let Some(link) = &view.link {
                    p { a.button.primary href=(link.href) { (link.label) } }
                }
            }
            p.fine { "If it happens again, tell whoever runs this gateway." br; "Request " code { (parts::clean(&view.request_id)) } }
        }
    };
    super::document(&view.title, None, main)
}
