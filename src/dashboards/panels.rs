//! Panels: what is asked, in which unit, drawn how.

use serde_json::{Map, Value, json};

use super::variables::data_source;

/// The shortest step of graphs: probes run once a minute, and a rate over less would have holes.
const MIN_STEP: &str = "2m";

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stat,
    BarGauge,
    TimeSeries,
    Table,
    Heatmap,
    StateTimeline,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::BarGauge => "bargauge",
            Self::TimeSeries => "timeseries",
            Self::Table => "table",
            Self::Heatmap => "heatmap",
            Self::StateTimeline => "state-timeline",
        }
    }

    /// Whether it shows what is now, and not how it came.
    const fn is_instant(self) -> bool {
        matches!(self, Self::Table | Self::BarGauge)
    }
}

/// A panel.
#[derive(Clone, Debug)]
pub struct Panel {
    kind: Kind,
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    size: (u64, u64),
    targets: Vec<(String, String)>,
    exemplars: bool,
    no_value: &'static str,
    range: (Option<f64>, Option<f64>),
    thresholds: Vec<(Option<f64>, &'static str)>,
    mappings: Vec<Value>,
    overrides: Vec<Value>,
    custom: Map<String, Value>,
    hidden_columns: Vec<&'static str>,
    now: bool,
    sort_by: Option<(&'static str, bool)>,
}

impl Panel {
    fn new(kind: Kind, title: &'static str, unit: &'static str, description: &'static str, size: (u64, u64)) -> Self {
        Self {
            kind,
            title,
            description,
            unit,
            size,
            targets: Vec::new(),
            exemplars: false,
            no_value: "no data",
            range: (None, None),
            thresholds: vec![(None, "text")],
            mappings: Vec::new(),
            overrides: Vec::new(),
            custom: Map::new(),
            hidden_columns: Vec::new(),
            now: kind.is_instant(),
            sort_by: None,
        }
    }

    /// A number.
    pub fn stat(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Kind::Stat, title, unit, description, (4, 5))
    }

    /// Several numbers as bars.
    pub fn bars(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Kind::BarGauge, title, unit, description, (8, 8))
    }

    /// Lines over time.
    pub fn graph(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Kind::TimeSeries, title, unit, description, (12, 8))
    }

    /// Rows of what is now.
    pub fn table(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Kind::Table, title, unit, description, (12, 8))
    }

    /// How durations are distributed over time.
    pub fn heatmap(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Kind::Heatmap, title, unit, description, (12, 8))
    }

    /// States over time.
    pub fn states(title: &'static str, description: &'static str) -> Self {
        Self::new(Kind::StateTimeline, title, "short", description, (24, 8))
    }

    /// Asks; `legend` names its series.
    pub fn ask(mut self, expr: impl Into<String>, legend: impl Into<String>) -> Self {
        self.targets.push((expr.into(), legend.into()));
        self
    }

    /// So many of 24 columns, so many lines of 30 px.
    pub fn sized(mut self, columns: u64, lines: u64) -> Self {
        self.size = (columns, lines);
        self
    }

    /// With links to traces.
    pub fn with_exemplars(mut self) -> Self {
        self.exemplars = true;
        self
    }

    /// What an empty answer may mean. Nobody can tell good news from nothing being measured.
    pub fn when_empty(mut self, text: &'static str) -> Self {
        self.no_value = text;
        self
    }

    /// The axis.
    pub fn between(mut self, min: f64, max: f64) -> Self {
        self.range = (Some(min), Some(max));
        self
    }

    /// The axis begins at 0.
    pub fn zero_based(mut self) -> Self {
        self.range.0 = Some(0.0);
        self
    }

    /// Colours: the first from below on, each other from its value on.
    pub fn coloured(mut self, first: &'static str, steps: &[(f64, &'static str)]) -> Self {
        self.thresholds = vec![(None, first)];
        self.thresholds.extend(steps.iter().map(|(value, colour)| (Some(*value), *colour)));
        self
    }

    /// A value in words.
    pub fn called(mut self, names: &[(&str, &str, &str)]) -> Self {
        let options: Map<String, Value> = names
            .iter()
            .enumerate()
            .map(|(n, (value, text, colour))| {
                ((*value).to_owned(), json!({ "text": text, "color": colour, "index": n }))
            })
            .collect();
        self.mappings.push(json!({ "type": "value", "options": options }));
        self
    }

    /// Only what is now: for what costs much to ask again and again.
    pub fn now(mut self) -> Self {
        self.now = true;
        self
    }

    /// Lines on each other.
    pub fn stacked(mut self) -> Self {
        self.custom.insert("stacking".into(), json!({ "mode": "normal", "group": "A" }));
        self.custom.insert("fillOpacity".into(), json!(30));
        self
    }

    /// A dashed line for what is a limit and no measurement.
    pub fn limit(mut self, legend: &str, colour: &'static str) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byName", "options": legend },
            "properties": [
                { "id": "color", "value": { "mode": "fixed", "fixedColor": colour } },
                { "id": "custom.lineStyle", "value": { "fill": "dash", "dash": [10, 10] } },
                { "id": "custom.fillOpacity", "value": 0 },
            ],
        }));
        self
    }

    /// Leaves out columns of a table.
    pub fn without(mut self, columns: &[&'static str]) -> Self {
        self.hidden_columns = columns.to_vec();
        self
    }

    /// The column by which a table is sorted, largest first.
    pub fn sorted_by(mut self, column: &'static str) -> Self {
        self.sort_by = Some((column, true));
        self
    }

    /// The column by which a table is sorted, smallest first.
    pub fn sorted_from_least(mut self, column: &'static str) -> Self {
        self.sort_by = Some((column, false));
        self
    }

    /// Columns and lines.
    pub fn size(&self) -> (u64, u64) {
        self.size
    }

    /// As Grafana reads it.
    pub fn json(self, id: u64, (x, y): (u64, u64)) -> Value {
        let (w, h) = self.size;
        let mut out = json!({
            "id": id,
            "type": self.kind.name(),
            "title": self.title,
            "description": self.description,
            "datasource": data_source(),
            "gridPos": { "x": x, "y": y, "w": w, "h": h },
            "interval": MIN_STEP,
            "targets": self.targets(),
            "fieldConfig": { "defaults": self.defaults(), "overrides": self.overrides },
            "options": self.options(),
        });
        if self.kind == Kind::Table {
            let hidden: Map<String, Value> = ["Time", "__name__", "job", "instance"]
                .iter()
                .chain(&self.hidden_columns)
                .map(|name| ((*name).to_owned(), json!(true)))
                .collect();
            out["transformations"] = json!([
                { "id": "merge", "options": {} },
                { "id": "organize", "options": { "excludeByName": hidden, "indexByName": {}, "renameByName": self.columns() } },
            ]);
        }
        out
    }

    /// Columns of values have the name of what was asked.
    fn columns(&self) -> Map<String, Value> {
        let several = self.targets.len() > 1;
        let name = |n: usize| if several { format!("Value #{}", letter(n)) } else { "Value".to_owned() };
        self.targets.iter().enumerate().map(|(n, (_, legend))| (name(n), json!(legend))).collect()
    }

    fn targets(&self) -> Vec<Value> {
        let target = |(n, (expr, legend)): (usize, &(String, String))| {
            let mut target = json!({
                "refId": letter(n).to_string(),
                "datasource": data_source(),
                "expr": expr,
                "legendFormat": legend,
                "range": !self.now,
                "instant": self.now,
                "format": match self.kind {
                    Kind::Table => "table",
                    Kind::Heatmap => "heatmap",
                    _ => "time_series",
                },
            });
            if self.exemplars {
                target["exemplar"] = json!(true);
            }
            target
        };
        self.targets.iter().enumerate().map(target).collect()
    }

    fn defaults(&self) -> Value {
        let steps: Vec<Value> =
            self.thresholds.iter().map(|(value, colour)| json!({ "color": colour, "value": value })).collect();
        let by_value = self.thresholds.len() > 1 && self.kind != Kind::TimeSeries;
        let mut defaults = json!({
            "unit": self.unit,
            "noValue": self.no_value,
            "color": { "mode": if by_value { "thresholds" } else { "palette-classic" } },
            "mappings": self.mappings,
            "thresholds": { "mode": "absolute", "steps": steps },
        });
        if let Some(min) = self.range.0 {
            defaults["min"] = json!(min);
        }
        if let Some(max) = self.range.1 {
            defaults["max"] = json!(max);
        }
        let mut custom = match self.kind {
            Kind::TimeSeries => json!({
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 5,
                "pointSize": 4,
                // A gap is a gap: what was not measured is not drawn.
                "spanNulls": false,
                "showPoints": "auto",
                "thresholdsStyle": { "mode": if self.thresholds.len() > 1 { "dashed" } else { "off" } },
            }),
            Kind::StateTimeline => json!({ "fillOpacity": 80, "lineWidth": 0 }),
            Kind::Table => {
                json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false, "filterable": true })
            }
            Kind::Stat | Kind::BarGauge | Kind::Heatmap => json!({}),
        };
        if let Some(own) = custom.as_object_mut() {
            own.extend(self.custom.clone());
        }
        defaults["custom"] = custom;
        defaults
    }

    fn options(&self) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        let legend = json!({ "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"] });
        match self.kind {
            Kind::Stat => json!({
                "reduceOptions": last, "orientation": "auto", "colorMode": "value",
                "graphMode": if self.now { "none" } else { "area" },
                "justifyMode": "auto", "textMode": "auto", "wideLayout": true, "showPercentChange": false,
                "percentChangeColorMode": "standard",
            }),
            Kind::BarGauge => json!({
                "reduceOptions": last, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": true,
                "valueMode": "color", "namePlacement": "auto", "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8,
                "maxVizHeight": 40,
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
            }),
            Kind::TimeSeries => json!({ "legend": legend, "tooltip": { "mode": "multi", "sort": "desc" } }),
            Kind::Table => {
                let sort: Vec<Value> =
                    self.sort_by.iter().map(|(column, desc)| json!({ "displayName": column, "desc": desc })).collect();
                json!({ "showHeader": true, "cellHeight": "sm", "frameIndex": 0, "sortBy": sort })
            }
            Kind::Heatmap => json!({
                "calculate": false,
                "cellGap": 1,
                "color": {
                    "mode": "scheme", "scheme": "Blues", "steps": 64, "exponent": 0.5, "fill": "dark-blue",
                    "reverse": false, "scale": "exponential",
                },
                "exemplars": { "color": "rgba(255,0,255,0.7)" },
                "filterValues": { "le": 1e-9 },
                "legend": { "show": true },
                "rowsFrame": { "layout": "auto" },
                "showValue": "never",
                "tooltip": { "mode": "single", "yHistogram": true },
                "yAxis": { "axisPlacement": "left", "reverse": false, "unit": self.unit },
            }),
            Kind::StateTimeline => json!({
                "alignValue": "left", "mergeValues": true, "rowHeight": 0.9, "showValue": "auto",
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "single", "sort": "none" },
            }),
        }
    }
}

/// `A`, `B`, …
fn letter(n: usize) -> char {
    char::from(b'A' + u8::try_from(n.min(25)).unwrap_or(25))
}
