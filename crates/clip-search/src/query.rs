//! What is looked for.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clip::{Embedder, Embedding, Picture, RgbImage};
use clip_retrieval::{Modality, Snapshot};
use percent_encoding::percent_decode;

use crate::scan::path_from_bytes;
use crate::{DecodeOptions, Error, Result};

/// One weighted part of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// How much it counts; what is below 0 pushes away.
    pub weight: f32,
    /// What it says.
    pub content: TermContent,
}

/// What a term says.
#[derive(Debug, Clone, PartialEq)]
pub enum TermContent {
    /// Words.
    Text(String),
    /// An image file of this machine. It is no answer itself.
    Path(PathBuf),
    /// The bytes of an image file, such as an upload.
    Bytes(Vec<u8>),
    /// A decoded image.
    Image(RgbImage),
    /// An item of the collection, by its id. It is no answer itself.
    Item(String),
    /// A vector of the model, of a text or of an image.
    Vector(Vec<f32>, Modality),
}

impl From<TermContent> for Term {
    fn from(content: TermContent) -> Self {
        Self { weight: 1.0, content }
    }
}

impl Term {
    /// Reads terms to be added and terms to be subtracted, as [`Self::parse`] does each.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn parse_all(add: &[OsString], subtract: &[OsString]) -> Result<Vec<Self>> {
        let added = add.iter().map(|term| Self::parse(term));
        let subtracted = subtract.iter().map(|term| {
            let term = Self::parse(term)?;
            Ok(Self { weight: -term.weight, ..term })
        });
        added.chain(subtracted).collect()
    }

    /// Reads `[WEIGHT:]WORDS` or `[WEIGHT:]IMAGE`, where an image starts with `./`, `../`, `/`
    /// or `file://` (rclip's convention). Words are UTF-8, an image may be called anything.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyQuery`], [`Error::QueryNotUnicode`], [`Error::ForeignFile`], [`Error::Name`].
    pub fn parse(term: &OsStr) -> Result<Self> {
        let term = term.as_encoded_bytes();
        let number = term.split(|byte| *byte == b':').next().unwrap_or_default();
        let weight = str::from_utf8(number).ok().filter(|number| is_weight(number));
        let weight = weight.filter(|number| number.len() < term.len());
        let (weight, rest) = match weight.and_then(|number| number.parse().ok()) {
            Some(weight) => (weight, &term[number.len() + 1..]),
            None => (1.0, term),
        };
        let rest = rest.trim_ascii_start();
        if let Some(url) = after_scheme(rest) {
            return Ok(Self { weight, content: TermContent::Path(path_of_url(url)?) });
        }
        if [&b"./"[..], b"../", b"/"].iter().any(|start| rest.starts_with(start)) {
            return Ok(Self { weight, content: TermContent::Path(path_from_bytes(rest)?) });
        }
        let wrong = |_| Error::QueryNotUnicode { term: lossy(rest) };
        let text = str::from_utf8(rest).map_err(wrong)?.trim();
        if text.is_empty() {
            return Err(Error::EmptyQuery);
        }
        Ok(Self { weight, content: TermContent::Text(text.to_owned()) })
    }
}

/// Weighted terms, each of which is encoded once.
#[derive(Debug, Clone)]
pub struct Query {
    terms: Vec<Term>,
    /// How images are decoded: as those of the collection, so that the same file scores 1.
    decode: DecodeOptions,
    /// By [`Self::encode`], with the fingerprint of the model.
    encoded: Option<(String, Vec<Encoded>)>,
}

/// The vector of a term.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) weight: f32,
    pub(crate) modality: Modality,
    pub(crate) embedding: Embedding,
}

impl Query {
    /// What these terms look for together.
    pub fn new(terms: Vec<Term>) -> Self {
        Self { terms, decode: DecodeOptions::default(), encoded: None }
    }

    /// What a text describes.
    pub fn text(text: impl Into<String>) -> Self {
        TermContent::Text(text.into()).into()
    }

    /// What is like an image file.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        TermContent::Path(path.into()).into()
    }

    /// What is like an image, of which these are the bytes of a file.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        TermContent::Bytes(bytes.into()).into()
    }

    /// What is like an item of the collection.
    pub fn item(id: impl Into<String>) -> Self {
        TermContent::Item(id.into()).into()
    }

    /// Decodes images so.
    #[must_use]
    pub fn with_decode(self, decode: DecodeOptions) -> Self {
        Self { decode, encoded: None, ..self }
    }

    /// The terms.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Encodes the terms; done before a long update, one that cannot be understood fails at once. Where
    /// there is no snapshot, as before a collection is opened, terms that are its items wait until the search.
    ///
    /// # Errors
    ///
    /// [`Error::Clip`] for a text or an image that cannot be encoded, [`Error::NoItem`],
    /// [`Error::NotAnEmbedding`].
    pub fn encode(&mut self, embedder: &Embedder, snapshot: Option<&dyn Snapshot>) -> Result<()> {
        let fingerprint = embedder.checkpoint().fingerprint();
        // Another model's vectors would mean something else.
        self.encoded.take_if(|(model, _)| *model != fingerprint);
        if self.encoded.is_some() || snapshot.is_none() && self.first_item().is_some() {
            return Ok(());
        }
        let encode = |term: &Term| self.encode_term(term, embedder, snapshot);
        let encoded = self.terms.iter().map(encode).collect::<Result<_>>()?;
        self.encoded = Some((fingerprint, encoded));
        Ok(())
    }

    /// What [`Self::encode`] made.
    pub(crate) fn encoded(&self) -> &[Encoded] {
        self.encoded.as_ref().map_or(&[], |(_, encoded)| encoded)
    }

    /// The first term that is an item of a collection, by its id.
    pub(crate) fn first_item(&self) -> Option<&str> {
        self.terms.iter().find_map(|term| match &term.content {
            TermContent::Item(id) => Some(&**id),
            _ => None,
        })
    }

    fn encode_term(
        &self,
        term: &Term,
        embedder: &Embedder,
        snapshot: Option<&dyn Snapshot>,
    ) -> Result<Encoded> {
        let image =
            |image: &Picture| -> Result<_> { Ok((Modality::Image, embedder.encode_image(image)?)) };
        let (modality, embedding) = match &term.content {
            TermContent::Text(text) => Ok((Modality::Text, embedder.text(text)?)),
            TermContent::Path(path) => image(
                &Picture::read(path, &self.decode.reading(embedder)).map_err(clip::Error::from)?,
            ),
            TermContent::Bytes(bytes) => {
                let reading = self.decode.reading(embedder);
                image(&Picture::decode(bytes, "the image", &reading).map_err(clip::Error::from)?)
            }
            TermContent::Image(pixels) => image(&pixels.clone().into()),
            TermContent::Item(id) => {
                let found = snapshot.map(|snapshot| snapshot.get(id)).transpose()?.flatten();
                let (item, vector) = found.ok_or_else(|| Error::NoItem { id: id.clone() })?;
                Ok((item.modality, embedding(vector, embedder)?))
            }
            TermContent::Vector(vector, modality) => {
                Ok((*modality, embedding(vector.clone(), embedder)?))
            }
        }?;
        Ok(Encoded { weight: term.weight, modality, embedding })
    }
}

impl From<TermContent> for Query {
    fn from(content: TermContent) -> Self {
        Self::new(vec![content.into()])
    }
}

/// A vector that was made before.
fn embedding(vector: Vec<f32>, embedder: &Embedder) -> Result<Embedding> {
    let (found, expected) = (vector.len(), embedder.card().config.embed_dim);
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let embedding = Embedding::from_unit(vector).filter(|_| found == expected);
    embedding.ok_or(Error::NotAnEmbedding { found, expected, norm })
}

/// What comes after `file://`.
fn after_scheme(term: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"file://";
    let (scheme, rest) = term.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// The file of `HOST/PATH` (RFC 8089), with bytes in percent signs; no host is this machine.
fn path_of_url(url: &[u8]) -> Result<PathBuf> {
    let slash = url.iter().position(|byte| *byte == b'/').unwrap_or(url.len());
    let (host, path) = url.split_at(slash);
    if !host.is_empty() && !host.eq_ignore_ascii_case(b"localhost") {
        return Err(Error::ForeignFile { url: lossy(url), host: lossy(host) });
    }
    let path: Vec<u8> = percent_decode(path).collect();
    let path = match &path[..] {
        // A drive of Windows: file:///C:/a.jpg.
        [b'/', _, b':', ..] if cfg!(windows) => &path[1..],
        path => path,
    };
    path_from_bytes(path)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Digits with at most one point among them: `2`, `0.5`, `.5`.
fn is_weight(number: &str) -> bool {
    number.chars().any(|c| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.')
        && number.parse::<f32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(term: &str, weight: f32, content: TermContent) {
        assert_eq!(Term::parse(term.as_ref()).unwrap(), Term { weight, content }, "{term}");
    }

    fn text(text: &str) -> TermContent {
        TermContent::Text(text.to_owned())
    }

    fn path(name: &str) -> TermContent {
        TermContent::Path(name.into())
    }

    #[test]
    fn terms() {
        check("a dog", 1.0, text("a dog"));
        check("  a dog ", 1.0, text("a dog"));
        check("2:cat", 2.0, text("cat"));
        check("0.5: cat", 0.5, text("cat"));
        check(".5:cat", 0.5, text("cat"));
        check("note: buy milk", 1.0, text("note: buy milk"));
        check("1.2.3:x", 1.0, text("1.2.3:x"));
        check("./a.jpg", 1.0, path("./a.jpg"));
        check("../a.jpg", 1.0, path("../a.jpg"));
        check("/a b.jpg", 1.0, path("/a b.jpg"));
        check("3:file:///a.jpg", 3.0, path("/a.jpg"));
        check("file:///a%20b%C3%A9.jpg", 1.0, path("/a bé.jpg"));
        check("dir/a.jpg", 1.0, text("dir/a.jpg"));
        check("file://localhost/a.jpg", 1.0, path("/a.jpg"));
        check("FILE://LocalHost/a%2fb.jpg", 1.0, path("/a/b.jpg"));
        // A name may end in a blank.
        check("2: ./a .jpg ", 2.0, path("./a .jpg "));
        check("file:note", 1.0, text("file:note"));
        let elsewhere = Term::parse("file://nas/a.jpg".as_ref()).unwrap_err().to_string();
        assert!(elsewhere.contains("on the machine nas"), "{elsewhere}");
    }

    #[cfg(unix)]
    #[test]
    fn pictures_may_be_called_anything() {
        use std::os::unix::ffi::OsStrExt;
        let parse = |term: &[u8]| Term::parse(OsStr::from_bytes(term));
        let is = |term: &[u8], weight: f32, path: &[u8]| {
            let content = TermContent::Path(OsStr::from_bytes(path).into());
            assert_eq!(parse(term).unwrap(), Term { weight, content });
        };
        is(b"./\xe9.jpg", 1.0, b"./\xe9.jpg");
        is(b"2:/\xe9.jpg", 2.0, b"/\xe9.jpg");
        is(b"file:///%E9.jpg", 1.0, b"/\xe9.jpg");
        is(b"file://localhost/\xe9%20.jpg", 1.0, b"/\xe9 .jpg");
        let words = parse(b"caf\xe9").unwrap_err().to_string();
        assert!(words.contains("not UTF-8"), "{words}");
    }

    #[test]
    fn empty_terms_are_refused() {
        for term in ["", " ", "2:", "2: ", "\t\n"] {
            let error = Term::parse(term.as_ref()).unwrap_err().to_string();
            assert!(error.contains("empty"), "{term:?}: {error}");
        }
    }
}
