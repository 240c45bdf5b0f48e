//! Pages for people, rendered here, working without JavaScript.
//! Not for: anything a program reads (`api`, `mcp`).

pub mod home;
