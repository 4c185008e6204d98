//! What each function on AWS may do, as data: whoever deploys makes policies of it, and a local cloud holds the functions to it.
//!
//! One binary serves every trigger. Each trigger has a function of its own, so that what a stream may do a browser's request may not. Grants name
//! single calls on single resources; the keys of an account's tenant may narrow them further ([`Account::tenant`]).

use serde_json::{Value, json};

use crate::address::Name;

/// What wakes a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// API Gateway, WebSocket: `$connect`, `$default`, `$disconnect`.
    Sockets,
    /// API Gateway, HTTP.
    Requests,
    /// The stream of the table of runs.
    Stream,
    /// The queue of what is deferred.
    Queue,
    /// Scheduler, at a rate: looks for what was lost. Also what an operator or a state machine asks for.
    Schedule,
}

/// Something that grants are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The table of runs.
    Journal,
    /// Its stream.
    JournalStream,
    /// The table of snapshots.
    Snapshots,
    /// The table of rows, tasks and lists.
    Index,
    /// Its secondary indexes.
    IndexLookups,
    /// The table of connections.
    Connections,
    /// Its secondary index.
    ConnectionsLookup,
    /// Objects of the bucket that begin with `snapshots/`.
    Objects,
    /// The queue of what is deferred.
    Deferred,
    /// Its dead letters.
    Dead,
    /// Schedules of the app's group.
    Schedules,
    /// The role in which Scheduler writes to the queues.
    SchedulesRole,
    /// Connections of the WebSocket API, by the management API.
    Gateway,
    /// The function's own log.
    Log,
}

/// Calls that are allowed on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// As IAM writes them, such as `dynamodb:PutItem`.
    pub actions: &'static [&'static str],
    /// On what.
    pub on: Resource,
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name, after the app's.
    pub name: &'static str,
    /// What wakes it.
    pub trigger: Trigger,
    /// What it may do.
    grants: &'static [&'static [Grant]],
}

const fn on(on: Resource, actions: &'static [&'static str]) -> Grant {
    Grant { actions, on }
}

/// To run actors: read a history, append to it, keep snapshots, and answer where one stands.
const ACT: &[Grant] = &[
    on(Resource::Journal, &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]),
    on(Resource::Snapshots, &["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]),
    on(Resource::Objects, &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]),
    on(Resource::Log, &["logs:CreateLogStream", "logs:PutLogEvents"]),
];

/// To tell those who watch, and to forget those who are gone.
const TELL: &[Grant] = &[
    on(
        Resource::Connections,
        &["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
    ),
    on(Resource::ConnectionsLookup, &["dynamodb:Query"]),
    on(Resource::Gateway, &["execute-api:ManageConnections"]),
];

/// To leave something to a later invocation.
const DEFER: &[Grant] = &[
    on(Resource::Deferred, &["sqs:SendMessage"]),
    on(Resource::Schedules, &["scheduler:CreateSchedule"]),
    on(Resource::SchedulesRole, &["iam:PassRole"]),
];

/// To change the index: of actors that were loaded with other rules than those that wrote their rows, and after the stream.
const INDEX: &[Grant] = &[on(
    Resource::Index,
    &["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
)];

/// To answer lists.
const LISTS: &[Grant] = &[
    on(Resource::Index, &["dynamodb:BatchGetItem", "dynamodb:Query"]),
    on(Resource::IndexLookups, &["dynamodb:Query"]),
];

/// Every function, in the order of what a message passes.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "sockets", trigger: Trigger::Sockets, grants: &[ACT, TELL, DEFER, INDEX] },
    Function { name: "requests", trigger: Trigger::Requests, grants: &[ACT, TELL, DEFER, INDEX, LISTS] },
    Function {
        name: "stream",
        trigger: Trigger::Stream,
        grants: &[
            ACT,
            TELL,
            DEFER,
            INDEX,
            &[
                on(
                    Resource::JournalStream,
                    &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                ),
                on(Resource::Dead, &["sqs:SendMessage"]),
            ],
        ],
    },
    Function {
        name: "queue",
        trigger: Trigger::Queue,
        grants: &[
            ACT,
            TELL,
            DEFER,
            INDEX,
            &[
                on(Resource::Deferred, &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]),
                on(Resource::Dead, &["sqs:SendMessage"]),
            ],
        ],
    },
    Function {
        name: "schedule",
        trigger: Trigger::Schedule,
        grants: &[
            ACT,
            TELL,
            DEFER,
            INDEX,
            LISTS,
            // Dead letters are tried again when an operator says so.
            &[on(Resource::Dead, &["sqs:DeleteMessage", "sqs:ReceiveMessage"])],
        ],
    },
];

/// The function of this trigger.
pub fn function(trigger: Trigger) -> &'static Function {
    FUNCTIONS.iter().find(|function| function.trigger == trigger).expect("each trigger has one")
}

/// Where an app is deployed: from this follow the names of its resources.
#[derive(Debug, Clone)]
pub struct Account {
    /// Such as `eu-central-1`.
    pub region: String,
    /// Twelve digits.
    pub id: String,
    /// How the names of tables, queues, functions, roles and the group of schedules begin.
    pub prefix: String,
    /// The bucket.
    pub bucket: String,
    /// The id of the WebSocket API.
    pub gateway: String,
    /// Only this tenant's actors, by `dynamodb:LeadingKeys`: the first part of every key of the journal.
    pub tenant: Option<Name>,
}

impl Account {
    /// The ARN of this resource, or a pattern of those that it stands for.
    pub fn arn(&self, resource: Resource, function: &Function) -> String {
        let Self { region, id, prefix, bucket, gateway, .. } = self;
        let table = |rest: &str| format!("arn:aws:dynamodb:{region}:{id}:table/{prefix}-{rest}");
        match resource {
            Resource::Journal => table("journal"),
            Resource::JournalStream => table("journal/stream/*"),
            Resource::Snapshots => table("snapshots"),
            Resource::Index => table("index"),
            Resource::IndexLookups => table("index/index/*"),
            Resource::Connections => table("connections"),
            Resource::ConnectionsLookup => table("connections/index/*"),
            Resource::Objects => format!("arn:aws:s3:::{bucket}/snapshots/*"),
            Resource::Deferred => format!("arn:aws:sqs:{region}:{id}:{prefix}-deferred"),
            Resource::Dead => format!("arn:aws:sqs:{region}:{id}:{prefix}-dead"),
            Resource::Schedules => format!("arn:aws:scheduler:{region}:{id}:schedule/{prefix}/*"),
            Resource::SchedulesRole => format!("arn:aws:iam::{id}:role/{prefix}-schedules"),
            Resource::Gateway => format!("arn:aws:execute-api:{region}:{id}:{gateway}/*/*/@connections/*"),
            Resource::Log => format!("arn:aws:logs:{region}:{id}:log-group:/aws/lambda/{prefix}-{}:*", function.name),
        }
    }
}

impl Function {
    /// What it may do.
    pub fn grants(&self) -> impl Iterator<Item = Grant> {
        self.grants.iter().copied().flatten().copied()
    }

    /// Its policy, as IAM takes it.
    pub fn policy(&self, account: &Account) -> Value {
        let statements: Vec<Value> = self.grants().map(|grant| self.statement(grant, account)).collect();
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    fn statement(&self, grant: Grant, account: &Account) -> Value {
        let mut statement =
            json!({ "Effect": "Allow", "Action": grant.actions, "Resource": account.arn(grant.on, self) });
        let by_tenant = matches!(grant.on, Resource::Journal | Resource::Snapshots);
        match &account.tenant {
            Some(tenant) if by_tenant => {
                statement["Condition"] =
                    json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [format!("{tenant}/*")] } });
            }
            _ if grant.on == Resource::SchedulesRole => {
                statement["Condition"] =
                    json!({ "StringEquals": { "iam:PassedToService": "scheduler.amazonaws.com" } });
            }
            _ => {}
        }
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(tenant: Option<&str>) -> Account {
        Account {
            region: "eu-central-1".into(),
            id: "123456789012".into(),
            prefix: "arcade".into(),
            bucket: "arcade-objects".into(),
            gateway: "abc123".into(),
            tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        }
    }

    #[test]
    fn no_grant_is_of_everything_and_none_is_said_twice() {
        for function in FUNCTIONS {
            let mut said = std::collections::BTreeSet::new();
            for grant in function.grants() {
                let arn = account(None).arn(grant.on, function);
                assert!(!arn.ends_with(":*") || grant.on == Resource::Log, "{arn}");
                for action in grant.actions {
                    assert!(!action.contains('*'), "{action}");
                    // Lists are answered from what may be changed, too.
                    assert!(said.insert((arn.clone(), *action)) || *action == "dynamodb:Query", "{arn} {action}");
                }
            }
        }
    }

    #[test]
    fn each_trigger_has_one_function() {
        let mut triggers: Vec<_> = FUNCTIONS.iter().map(|function| function.trigger).collect();
        triggers.sort();
        triggers.dedup();
        assert_eq!(triggers.len(), FUNCTIONS.len());
    }

    #[test]
    fn a_tenants_function_reaches_no_other_tenants_history() {
        let policy = function(Trigger::Sockets).policy(&account(Some("acme")));
        let keyed = |statement: &&Value| {
            statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == json!(["acme/*"])
        };
        let statements = policy["Statement"].as_array().unwrap();
        let resources: Vec<_> =
            statements.iter().filter(keyed).map(|statement| statement["Resource"].as_str().unwrap()).collect();
        assert_eq!(
            resources,
            [
                "arn:aws:dynamodb:eu-central-1:123456789012:table/arcade-journal",
                "arn:aws:dynamodb:eu-central-1:123456789012:table/arcade-snapshots",
            ]
        );
    }

    #[test]
    fn what_came_from_a_browser_buries_nothing_and_reads_no_stream() {
        for trigger in [Trigger::Sockets, Trigger::Requests] {
            let may =
                function(trigger).grants().any(|grant| matches!(grant.on, Resource::Dead | Resource::JournalStream));
            assert!(!may, "{trigger:?}");
        }
    }
}
