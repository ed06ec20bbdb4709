//! The pull request in which the hub's conversion bot offers a model's weights as safetensors.
//!
//! Older repositories, OpenAI's among them, have nothing but a pickle on their main branch. The bot
//! opened pull requests that add the same weights as safetensors, and transformers takes them from
//! there. Which one counts follows `previous_pr` and `get_conversion_pr_reference` of transformers
//! 5.23, <https://github.com/huggingface/transformers/blob/main/src/transformers/safetensors_conversion.py>:
//! open, of that title, by that author, and one commit above main, so that nothing else differs.
//! Anyone can open a pull request, so the author is what makes it trustworthy. Unlike transformers
//! this never asks the bot to convert a model.

use serde_json::Value;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;

const TITLE: &str = "Adding `safetensors` variant of this model";
const AUTHOR: &str = "SFconvertbot";
/// Ends the search on a hub that counts wrongly; a page holds dozens.
const MAX_PAGES: usize = 100;

/// The git reference of the pull request, `refs/pr/N`. `None` also where the hub does not answer:
/// that main has no safetensors says more than why nothing else was found.
pub(super) fn find(endpoint: &str, id: &str, token: Option<String>) -> Option<String> {
    let agent = Agent::config_builder().redirect_auth_headers(RedirectAuthHeaders::SameHost);
    let agent = agent.build().new_agent();
    let api = RepoApi { address: format!("{endpoint}/api/models/{id}"), agent, token };
    let main = api.commit("main", 0)?;
    let mut seen = 0;
    for page in 0..MAX_PAGES {
        let query = format!("p={page}&type=pull_request&status=open&author={AUTHOR}");
        let list = api.get(&format!("discussions?{query}"))?;
        let discussions = list.get("discussions")?.as_array()?;
        for discussion in discussions.iter().filter(|discussion| is_conversion(discussion)) {
            let reference = format!("refs/pr/{}", discussion.get("num")?.as_u64()?);
            if api.commit(&reference, 1).as_ref() == Some(&main) {
                return Some(reference);
            }
        }
        seen += discussions.len() as u64;
        if discussions.is_empty() || seen >= list.get("count")?.as_u64()? {
            break;
        }
    }
    None
}

/// What the hub says about one repository.
struct RepoApi {
    address: String,
    agent: Agent,
    token: Option<String>,
}

impl RepoApi {
    /// The commit that lies so many steps below a revision.
    fn commit(&self, revision: &str, steps: usize) -> Option<String> {
        let commits = self.get(&format!("commits/{}", revision.replace('/', "%2F")))?;
        Some(commits.get(steps)?.get("id")?.as_str()?.to_owned())
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut request = self.agent.get(format!("{}/{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let text = request.call().ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// The hub was asked for nothing else, but a mirror may not know the filters.
fn is_conversion(discussion: &Value) -> bool {
    let text = |pointer: &str| discussion.pointer(pointer).and_then(Value::as_str);
    text("/title") == Some(TITLE)
        && text("/author/name") == Some(AUTHOR)
        && text("/status") == Some("open")
        && discussion.get("isPullRequest") == Some(&Value::Bool(true))
}
