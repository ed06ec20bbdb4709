//! The keys of CLIP_benchmark, and ours beside them.

use clip_eval::{Bootstrap, Labeled, Matrix, Probe, Report, Retrieval, Subject, zeroshot};

/// Five directions.
const UNITS: [f32; 25] = {
    let mut values = [0.0; 25];
    let mut at = 0;
    while at < 25 {
        values[at] = 1.0;
        at += 6;
    }
    values
};

fn subject() -> Subject {
    Subject {
        dataset: "wds/flowers".to_owned(),
        model: "ViT-B-32".to_owned(),
        pretrained: "openai".to_owned(),
        language: "en".to_owned(),
    }
}

fn units<'a>(subject: &'a str, labels: &'a [usize]) -> Labeled<'a> {
    let vectors = Matrix::new(subject, &UNITS[..labels.len() * 5], labels.len(), 5).unwrap();
    Labeled::new(vectors, labels).unwrap()
}

fn check(report: &Report, expected: &str) {
    let text = serde_json::to_string_pretty(report).unwrap();
    assert_eq!(text, expected.trim());
    assert_eq!(&serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn retrieval() {
    let labels = [0, 1, 2, 3, 4];
    let moved = [0, 1, 2, 4, 3];
    let both = Retrieval::new(&units("texts", &labels), &units("pictures", &moved)).unwrap();
    let report = Report::retrieval(subject(), &both, &[1, 5], &Bootstrap::default()).unwrap();
    check(
        &report,
        r#"
{
  "dataset": "wds/flowers",
  "model": "ViT-B-32",
  "pretrained": "openai",
  "language": "en",
  "task": "zeroshot_retrieval",
  "metrics": {
    "image_retrieval_recall@1": 0.6,
    "image_retrieval_recall@5": 1.0,
    "text_retrieval_recall@1": 0.6,
    "text_retrieval_recall@5": 1.0
  },
  "confidence": {
    "level": 0.95,
    "resamples": 1000,
    "seed": 0,
    "intervals": {
      "image_retrieval_recall@1": [
        0.2,
        1.0
      ],
      "image_retrieval_recall@5": [
        1.0,
        1.0
      ],
      "text_retrieval_recall@1": [
        0.2,
        1.0
      ],
      "text_retrieval_recall@5": [
        1.0,
        1.0
      ]
    }
  }
}
"#,
    );
}

#[test]
fn zeroshot_classification() {
    let classes = units("classes", &[0; 5]).vectors();
    let answers = zeroshot(&units("pictures", &[0, 2]), &classes).unwrap();
    let report = Report::zeroshot(subject(), &answers, &Bootstrap::default()).unwrap();
    check(
        &report,
        r#"
{
  "dataset": "wds/flowers",
  "model": "ViT-B-32",
  "pretrained": "openai",
  "language": "en",
  "task": "zeroshot_classification",
  "metrics": {
    "acc1": 0.5,
    "acc5": 1.0,
    "mean_per_class_recall": 0.5
  },
  "confidence": {
    "level": 0.95,
    "resamples": 1000,
    "seed": 0,
    "intervals": {
      "acc1": [
        0.0,
        1.0
      ],
      "acc5": [
        1.0,
        1.0
      ],
      "mean_per_class_recall": [
        0.0,
        1.0
      ]
    }
  },
  "per_class": [
    {
      "class": 0,
      "n": 1,
      "right": 1,
      "recall": 1.0
    },
    {
      "class": 2,
      "n": 1,
      "right": 0,
      "recall": 0.0
    }
  ],
  "confusions": [
    {
      "label": 2,
      "predicted": 1,
      "count": 1
    }
  ]
}
"#,
    );
}

/// CLIP_benchmark writes NaN for `acc5` of fewer than five classes, which is no JSON.
#[test]
fn few_classes_have_no_acc5() {
    let rows = units("rows", &[0, 1, 1]);
    let classifier = Probe { c: 100.0, ..Probe::default() }.fit(&[rows]).unwrap();
    let answers = classifier.evaluate(&rows).unwrap();
    let report =
        Report::linear_probe(subject(), &classifier, &answers, &Bootstrap::default()).unwrap();
    let keys: Vec<&str> = report.metrics.keys().map(String::as_str).collect();
    assert_eq!(keys, ["lp_acc1", "lp_mean_per_class_recall"]);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["task"], "linear_probe");
    assert_eq!(json["probe"]["C"], 100.0);
    assert_eq!(json["probe"]["converged"], true);
    assert_eq!(json["metrics"]["lp_acc1"], 1.0);
}
