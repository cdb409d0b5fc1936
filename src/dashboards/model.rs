//! A dashboard as Grafana reads it (schema version 41), and where its panels stand.

use serde_json::{Value, json};

use super::File;
use super::panels::Panel;
use super::variables::{PAGES, PROCESS, WHOLE_PROVIDER, alerts, data_source, datasource};

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// The height of a row's title.
const TITLE: u64 = 1;
/// Of the classic model.
const SCHEMA_VERSION: u64 = 41;
/// By which they link to each other.
const TAG: &str = "authprobe";

/// A dashboard.
pub struct Dashboard {
    pub name: &'static str,
    pub uid: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    /// What it shows at first, back from now: `6h`.
    pub since: &'static str,
    /// Besides the data source.
    pub variables: Vec<Value>,
    pub rows: Vec<Row>,
}

/// Panels under a title.
pub struct Row {
    pub title: &'static str,
    pub panels: Vec<Panel>,
}

/// A row.
pub fn row(title: &'static str, panels: Vec<Panel>) -> Row {
    Row { title, panels }
}

impl Dashboard {
    /// As a file.
    pub fn file(self) -> File {
        let (name, uid, title) = (self.name, self.uid, self.title);
        let panels = self.rows.iter().map(|row| row.panels.len()).sum();
        let mut text = serde_json::to_string_pretty(&self.json()).unwrap_or_default();
        text.push('\n');
        File { name, uid, title, panels, text }
    }

    fn json(self) -> Value {
        let provider = self.variables.iter().any(|variable| variable["name"] == "provider");
        let variables: Vec<Value> = std::iter::once(datasource()).chain(self.variables).collect();
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "refresh": "30s",
            "timezone": "browser",
            "time": { "from": format!("now-{}", self.since), "to": "now" },
            "timepicker": {},
            "links": [{
                "title": "authprobe",
                "tooltip": "The other dashboards, with the same selection and time",
                "type": "dashboards",
                "tags": [TAG],
                "icon": "external link",
                "asDropdown": false,
                "includeVars": true,
                "keepTime": true,
                "targetBlank": false,
            }],
            "annotations": { "list": annotations(provider) },
            "templating": { "list": variables },
            "panels": placed(self.rows),
        })
    }
}

/// Deployments and pages, drawn over every graph.
fn annotations(provider: bool) -> Vec<Value> {
    let whose = if provider { r#", provider=~"$provider|""# } else { "" };
    let pages: &[&str] = if provider { &[WHOLE_PROVIDER, PAGES] } else { &[PAGES] };
    let annotation = |name: &str, colour: &str, expr: String, title: &str, text: &str, at_value: bool| {
        json!({
            "name": name,
            "enable": true,
            "hide": false,
            "iconColor": colour,
            "datasource": data_source(),
            "target": {
                "refId": "Anno",
                "datasource": data_source(),
                "expr": expr,
                "step": "60s",
                "titleFormat": title,
                "textFormat": text,
                "useValueForTime": at_value,
            },
        })
    };
    vec![
        annotation(
            "Deployments",
            "blue",
            format!("authprobe_deployment_timestamp_seconds{{{PROCESS}{whose}}} * 1000"),
            "Deployment",
            "{{provider}}",
            true,
        ),
        annotation(
            "Pages",
            "red",
            format!("{} == 2", alerts("alertname, provider, slo", pages)),
            "{{alertname}}",
            "{{provider}} {{slo}}",
            false,
        ),
    ]
}

/// Rows below each other, their panels from left to right; each line as high as its highest panel.
fn placed(rows: Vec<Row>) -> Vec<Value> {
    let (mut out, mut id, mut top) = (Vec::new(), 0, 0);
    for row in rows {
        id += 1;
        out.push(json!({
            "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": top, "w": COLUMNS, "h": TITLE },
        }));
        top += TITLE;
        let (mut left, mut height) = (0, 0);
        for panel in row.panels {
            let (w, h) = panel.size();
            if left + w > COLUMNS {
                (left, top, height) = (0, top + height, 0);
            }
            id += 1;
            out.push(panel.json(id, (left, top)));
            (left, height) = (left + w, height.max(h));
        }
        top += height;
    }
    out
}
