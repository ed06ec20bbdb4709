//! From a call of a tool to its answer.

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, Tool, ToolAnnotations,
};
use rmcp::schemars::JsonSchema;
use rmcp::service::{RequestContext, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::arguments::{DescribeArguments, SearchArguments, ShowArguments, SimilarArguments};
use crate::errors::{ApiError, ApiResult};
use crate::state::Server;

/// What an assistant reads before it calls anything.
const INSTRUCTIONS: &str = "The images of the user's own library, found by what they show. Describe the image \
     in plain words to `search`, look at candidates with `show` before you say what they are, and go on from a \
     good one with `similar`. Scores are cosine similarities: compare them within one answer only.";

/// Answers one client.
#[derive(Clone)]
pub(super) struct Handler {
    server: Server,
}

impl Handler {
    pub(super) fn new(server: Server) -> Self {
        Self { server }
    }

    /// The answer of a tool; none where there is no such tool.
    async fn call(&self, name: &str, arguments: JsonObject) -> Option<ApiResult<CallToolResult>> {
        let server = &self.server;
        Some(match name {
            "search" => match read::<SearchArguments>(name, arguments) {
                Ok(arguments) => server.search_tool(arguments).await.map(structured),
                Err(error) => Err(error),
            },
            "similar" => match read::<SimilarArguments>(name, arguments) {
                Ok(arguments) => server.similar_tool(arguments).await.map(structured),
                Err(error) => Err(error),
            },
            "show" => match read::<ShowArguments>(name, arguments) {
                Ok(arguments) => server.show_tool(&arguments.items).await,
                Err(error) => Err(error),
            },
            "describe_library" => match read::<DescribeArguments>(name, arguments) {
                Ok(DescribeArguments {}) => server.describe_tool().await.map(structured),
                Err(error) => Err(error),
            },
            _ => return None,
        })
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let name = Implementation::new("clip-cli", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(name.with_title("Image search"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let answer = self.call(&request.name, request.arguments.unwrap_or_default()).await;
        let unknown = || {
            let names = tools().iter().map(|tool| tool.name.to_string()).collect::<Vec<_>>();
            let message =
                format!("there is no tool {}: there are {}", request.name, names.join(", "));
            ErrorData::invalid_params(message, None)
        };
        let answer = answer.ok_or_else(unknown)?;
        // A model reads errors of a tool, and those of the protocol it does not.
        let failed =
            |error: ApiError| CallToolResult::error(vec![ContentBlock::text(error.to_string())]);
        Ok(answer.unwrap_or_else(failed).into())
    }
}

fn structured(value: Value) -> CallToolResult {
    CallToolResult::structured(value)
}

fn read<T: DeserializeOwned>(tool: &str, arguments: JsonObject) -> ApiResult<T> {
    let wrong = |error| {
        ApiError::invalid(format!("the arguments of {tool} are not as its schema says: {error}"))
    };
    serde_json::from_value(Value::Object(arguments)).map_err(wrong)
}

/// The tools, as clients hear of them.
fn tools() -> Vec<Tool> {
    vec![
        tool::<SearchArguments>(
            "search",
            "Search images",
            "Finds images of the library by what they show, the best first, or lists the newest that pass the \
             filters. Each result has a path, an id, its date where it is known, and a score. The best matches are \
             returned even where nothing fits: set `relevance`, or look at them with `show`.",
        ),
        tool::<SimilarArguments>(
            "similar",
            "Find similar images",
            "Finds the images of the library that look most like one of it, which is no result itself.",
        ),
        tool::<ShowArguments>(
            "show",
            "Show images",
            "Shows up to 8 images of the library as small JPEG images; fewer at once are shown larger.",
        ),
        tool::<DescribeArguments>(
            "describe_library",
            "Describe the library",
            "Says how many images the library has, between which dates they were taken, and its folders and \
             tags, the most frequent first.",
        ),
    ]
}

fn tool<T: JsonSchema + 'static>(
    name: &'static str,
    title: &'static str,
    description: &'static str,
) -> Tool {
    let hints = ToolAnnotations::new().read_only(true).idempotent(true).open_world(false);
    Tool::new(name, description, JsonObject::default())
        .with_input_schema::<T>()
        .with_title(title)
        .with_annotations(hints)
}
