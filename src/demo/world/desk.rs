//! Objects set up by users: contexts, variables, keys, webhooks, schedules.
//!
//! Unlike pipelines, they are few and simply stored.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::demo::options::{APP_ORG_SLUG, APP_SLUG, ORG_SLUG, PROJECT_SLUG, SECOND_SLUG};
use crate::demo::world::calendar::{self, DAY, HOUR};
use crate::demo::world::id::{self, Key, Kind};
use crate::demo::world::names::{ME, PEOPLE, SCHEDULER};
use crate::demo::world::project::Project;
use crate::demo::world::random::Dice;

/// All objects; every entry is in the API's format.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Contexts of the organization.
    pub contexts: Vec<Context>,
    /// Variables of projects.
    pub variables: Vec<ProjectThing>,
    /// Checkout keys of projects.
    pub keys: Vec<ProjectThing>,
    /// Objects of other sorts.
    pub things: Vec<Thing>,
    /// Policies of configurations by name, in the API's format.
    pub policies: Map<String, Value>,
    /// True if policies are enforced.
    pub has_policies: bool,
    /// Claims of OIDC tokens by the ids of their organization and project.
    pub claims: BTreeMap<String, Map<String, Value>>,
    /// Settings of projects that differ from the default.
    pub settings: Vec<ProjectThing>,
    made: u32,
    seed: u64,
}

/// A context.
#[derive(Debug, Clone)]
pub struct Context {
    /// The id.
    pub id: String,
    /// The slug of the organization.
    pub org_slug: &'static str,
    /// The name.
    pub name: String,
    /// True if its variables and restrictions are refused with 403.
    pub is_forbidden: bool,
    /// The creation time.
    pub created_at: i64,
    /// The variables; the API never returns their values.
    pub variables: Vec<Variable>,
    /// The restrictions, in the API's format.
    pub restrictions: Vec<Value>,
}

/// A context's variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The creation time.
    pub created_at: i64,
    /// The time at which its value was last replaced.
    pub updated_at: i64,
}

/// An object that belongs to a project, in the API's format.
#[derive(Debug, Clone)]
pub struct ProjectThing {
    /// The index of the project.
    pub project: u8,
    /// The object as shown by the API.
    pub shown: Value,
}

/// An object in the API's format, with what it belongs to.
#[derive(Debug, Clone)]
pub struct Thing {
    /// The sort.
    pub sort: Sort,
    /// The id or slug of its organization, project or definition.
    pub owner: String,
    /// The object as shown by the API.
    pub shown: Value,
}

/// The sorts of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A webhook of a project.
    Webhook,
    /// A schedule of a project.
    Schedule,
    /// A pipeline definition of a project.
    Definition,
    /// A trigger of a pipeline definition.
    Trigger,
    /// A group of an organization.
    Group,
    /// An address of orbs that an organization allows.
    AllowedOrb,
    /// An exporter of traces of an organization.
    Exporter,
}

const CONTEXTS: [(&str, &[&str]); 5] = [
    (
        "aws-production",
        &[
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION",
            "CLUSTER",
            "DATABASE_URL",
        ],
    ),
    (
        "aws-staging",
        &[
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION",
            "CLUSTER",
        ],
    ),
    ("registry", &["REGISTRY_PASSWORD", "REGISTRY_USER"]),
    ("reporting", &[]),
    ("security", &["AUDIT_TOKEN", "SIGNING_KEY"]),
];

/// The id of the only group.
const GROUP: &str = "7f0b2c58-41de-4f7e-9a3d-c2b61e8d9045";

/// One for a project, one that is forbidden, one for everybody, one for a group.
const APP_CONTEXTS: [(&str, &[&str]); 4] = [
    ("app-store", &["ASC_KEY_ID", "ASC_PRIVATE_KEY"]),
    ("finance", &["LEDGER_TOKEN"]),
    ("shared", &["SENTRY_TOKEN", "SLACK_TOKEN"]),
    ("signing", &["KEYCHAIN_PASSWORD"]),
];

impl Desk {
    /// Creates the initial objects.
    pub fn new(seed: u64, now: i64) -> Self {
        let mut desk = Self {
            contexts: Vec::new(),
            variables: Vec::new(),
            keys: Vec::new(),
            things: Vec::new(),
            policies: Map::new(),
            has_policies: true,
            claims: BTreeMap::new(),
            settings: Vec::new(),
            made: 0,
            seed,
        };
        for (name, variables) in CONTEXTS {
            let context = desk.first_context(name, variables, now);
            desk.contexts.push(context);
        }
        for project in 0..2 {
            desk.furnish(project, now);
        }
        for (name, variables) in APP_CONTEXTS {
            let mut context = desk.first_context(name, variables, now);
            context.org_slug = APP_ORG_SLUG;
            context.is_forbidden = name == "finance";
            let (kind, value) = match name {
                "app-store" => ("project", APP_SLUG.rsplit('/').next().unwrap_or_default()),
                "signing" => ("group", GROUP),
                _ => ("", ""),
            };
            if !kind.is_empty() {
                let restriction = desk.restriction(&context.id, kind, value, None);
                context.restrictions.push(restriction);
            }
            desk.contexts.push(context);
        }
        desk.furnish_organizations();
        desk
    }

    /// Adds a group, an address of orbs, an exporter and a policy.
    fn furnish_organizations(&mut self) {
        let mut add = |sort: Sort, org_slug: &str, shown: Value| {
            self.things.push(Thing {
                sort,
                owner: org_slug.to_owned(),
                shown,
            });
        };
        let group = json!({ "id": GROUP, "name": "release engineers", "description": "May sign" });
        add(Sort::Group, APP_ORG_SLUG, group);
        let [orb, exporter] =
            [1, 2].map(|number| id::uuid(self.seed, Key::numbered(Kind::Made, 1_000_000 + number)));
        let orb = json!({
            "id": orb,
            "name": "acme orbs",
            "prefix": "https://orbs.example.invalid/",
            "auth": "none",
        });
        add(Sort::AllowedOrb, ORG_SLUG, orb);
        let organization = id::uuid(self.seed, Key::numbered(Kind::Organization, 0));
        let exporter = json!({
            "id": exporter,
            "org_id": organization,
            "endpoint": "otel.example.invalid:4317",
            "protocol": "grpc",
            "insecure": false,
            "headers": { "x-team": "platform" },
            "issues": [],
        });
        add(Sort::Exporter, ORG_SLUG, exporter);
        let name = "docker-tags.rego";
        let policy = json!({
            "name": name,
            "content": "package org\n\npolicy_name[\"docker_tags\"]\n",
            "created_at": "2025-11-04T08:15:00Z",
            "created_by": id::uuid(self.seed, Key::numbered(Kind::User, 1)),
        });
        self.policies.insert(name.to_owned(), policy);
    }

    /// Adds a project's definition with its trigger.
    pub fn define(&mut self, project: &Project, project_id: &str) {
        let number = u32::from(project.place);
        let ids = [0, 100]
            .map(|offset| id::uuid(self.seed, Key::numbered(Kind::Definition, number + offset)));
        let [definition, trigger] = ids;
        let repository = json!({
            "full_name": format!("{}/{}", project.org_name, project.name),
            "external_id": (7_340_000 + number).to_string(),
        });
        let created_at = "2024-02-05T09:30:00.000Z";
        self.things.push(Thing {
            sort: Sort::Definition,
            owner: project_id.to_owned(),
            shown: json!({
                "id": definition,
                "name": "build",
                "description": "Everything in .circleci/config.yml",
                "created_at": created_at,
                "config_source": {
                    "provider": "github_app",
                    "repo": repository,
                    "file_path": ".circleci/config.yml",
                },
                "checkout_source": { "provider": "github_app", "repo": repository },
            }),
        });
        self.things.push(Thing {
            sort: Sort::Trigger,
            owner: definition,
            shown: json!({
                "id": trigger,
                "event_name": "push",
                "created_at": created_at,
                "event_source": { "provider": "github_app", "repo": repository },
                "event_preset": "all-pushes",
                "checkout_ref": "",
                "config_ref": "",
                "disabled": false,
                "parameters": {},
            }),
        });
    }

    /// Returns a new unique id.
    pub fn new_id(&mut self) -> String {
        self.made += 1;
        id::uuid(self.seed, Key::numbered(Kind::Made, self.made))
    }

    fn first_context(&mut self, name: &str, variables: &[&str], now: i64) -> Context {
        let id = self.new_id();
        let mut dice = Dice::new(self.seed, &[0xc0de, u64::from(self.made)]);
        let created_at = now - dice.between(200, 900) * DAY;
        let mut names: Vec<String> = variables.iter().map(|name| (*name).to_owned()).collect();
        if names.is_empty() {
            // More than one page.
            names = (1..=26)
                .map(|number| format!("REPORT_CHANNEL_{number:02}"))
                .collect();
        }
        let variables = names
            .into_iter()
            .map(|name| {
                let age = dice.between(1, 190);
                Variable {
                    name,
                    created_at: created_at + HOUR,
                    updated_at: now - age * DAY,
                }
            })
            .collect();
        let mut context = Context {
            id,
            org_slug: ORG_SLUG,
            name: name.to_owned(),
            is_forbidden: false,
            created_at,
            variables,
            restrictions: Vec::new(),
        };
        if name == "aws-production" {
            let value = "pipeline.git.branch == \"main\"";
            let restriction = self.restriction(&context.id, "expression", value, None);
            context.restrictions.push(restriction);
            let project = id::uuid(self.seed, Key::numbered(Kind::Project, 0));
            let restriction = self.restriction(&context.id, "project", &project, Some("web"));
            context.restrictions.push(restriction);
        }
        context
    }

    /// Creates a restriction of a context, in the API's format.
    pub fn restriction(
        &mut self,
        context_id: &str,
        kind: &str,
        value: &str,
        name: Option<&str>,
    ) -> Value {
        let mut restriction = json!({
            "context_id": context_id,
            "id": self.new_id(),
            "name": name,
            "restriction_type": kind,
            "restriction_value": value,
        });
        if kind == "project" {
            restriction["project_id"] = json!(value);
        }
        restriction
    }

    fn furnish(&mut self, project: u8, now: i64) {
        for (name, tail, age) in [("NPM_TOKEN", "9f3a", 310), ("SENTRY_DSN", "7312", 45)] {
            self.variables.push(ProjectThing {
                project,
                shown: json!({
                    "name": name,
                    "value": format!("xxxx{tail}"),
                    "created_at": calendar::plain(now - age * DAY),
                }),
            });
        }
        let key = self.checkout_key("deploy-key", now - 700 * DAY);
        self.keys.push(ProjectThing {
            project,
            shown: key,
        });
        let id = self.new_id();
        let created_at = calendar::precise(now - 120 * DAY);
        let scope = id::uuid(self.seed, Key::numbered(Kind::Project, u32::from(project)));
        self.things.push(Thing {
            sort: Sort::Webhook,
            owner: scope.clone(),
            shown: json!({
                "id": id,
                "name": "deploy dashboard",
                "url": "https://hooks.example.invalid/circleci",
                "verify-tls": true,
                "signing-secret": "****cret",
                "events": ["workflow-completed"],
                "scope": { "id": scope, "type": "project" },
                "created-at": created_at,
                "updated-at": created_at,
            }),
        });
        self.furnish_schedule(project, now);
    }

    fn furnish_schedule(&mut self, project: u8, now: i64) {
        let slug = if project == 0 {
            PROJECT_SLUG
        } else {
            SECOND_SLUG
        };
        let id = self.new_id();
        let created_at = calendar::precise(now - 150 * DAY);
        let actor = actor(self.seed, SCHEDULER);
        self.things.push(Thing {
            sort: Sort::Schedule,
            owner: slug.to_owned(),
            shown: json!({
                "id": id,
                "name": "nightly",
                "description": "Everything that is too slow for every push",
                "project-slug": slug,
                "timetable": {
                    "per-hour": 1,
                    "hours-of-day": [2],
                    "days-of-week": ["MON", "TUE", "WED", "THU", "FRI"],
                },
                "parameters": { "branch": "main", "nightly": true },
                "actor": actor,
                "created-at": created_at,
                "updated-at": created_at,
            }),
        });
    }

    /// Creates a checkout key, in the API's format.
    pub fn checkout_key(&mut self, kind: &str, created_at: i64) -> Value {
        self.made += 1;
        let mut dice = Dice::new(self.seed, &[0x4e1, u64::from(self.made)]);
        let bytes: Vec<String> = (0..16)
            .map(|_| format!("{:02x}", dice.below(256)))
            .collect();
        json!({
            "public_key": format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{:016x} demo", dice.roll()),
            "type": kind,
            "fingerprint": bytes.join(":"),
            "preferred": true,
            "created_at": calendar::precise(created_at),
        })
    }

    /// Returns the owner of the token, as shown in schedules.
    pub fn me(&self) -> Value {
        actor(self.seed, ME)
    }
}

fn actor(seed: u64, place: usize) -> Value {
    let (login, name) = PEOPLE[place];
    let number = u32::try_from(place).unwrap_or(0);
    json!({
        "id": id::uuid(seed, Key::numbered(Kind::User, number)),
        "login": login,
        "name": name,
    })
}
