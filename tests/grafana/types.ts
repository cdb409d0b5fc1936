// What authprobe's dashboards may be made of, by Grafana's own types. Enums are compared by their values, since JSON has
// no names for them.
import type {
  AnnotationQuery, Dashboard, DashboardLink, DataSourceRef, DataTransformerConfig, FieldConfig, GridPos, RowPanel,
  VariableModel,
} from '@grafana/schema';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type {
  FieldConfig as HeatmapField, Options as Heatmap,
} from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig as StatesField, Options as States,
} from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type {
  FieldConfig as TableField, Options as Table,
} from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type {
  FieldConfig as TimeSeriesField, Options as TimeSeries,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer U> ? Array<Plain<U>> : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

// Grafana's Prometheus data source has no published types: this is what its query editor writes.
interface Target {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  legendFormat: string;
  range: boolean;
  instant: boolean;
  format: 'time_series' | 'table' | 'heatmap';
  exemplar?: boolean;
}

type Known<T> = Pick<T, keyof T>;

interface PanelOf<Type extends string, Options, Custom> {
  id: number;
  type: Type;
  title: string;
  description: string;
  datasource: DataSourceRef;
  gridPos: GridPos;
  interval: string;
  targets: Target[];
  transformations?: Array<Plain<DataTransformerConfig>>;
  options: Plain<Options>;
  fieldConfig: {
    defaults: Plain<Omit<Known<FieldConfig>, 'custom'>> & { custom: Plain<Partial<Custom>> };
    overrides: Array<{ matcher: { id: string; options?: unknown }; properties: Array<{ id: string; value?: unknown }> }>;
  };
}

type Panel =
  | PanelOf<'bargauge', BarGauge, Record<string, never>>
  | PanelOf<'heatmap', Heatmap, HeatmapField>
  | PanelOf<'stat', Stat, Record<string, never>>
  | PanelOf<'state-timeline', States, StatesField>
  | PanelOf<'table', Table, TableField>
  | PanelOf<'timeseries', TimeSeries, TimeSeriesField>;

type AnnotationTarget = {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  step: string;
  titleFormat: string;
  textFormat: string;
  useValueForTime: boolean;
};

export interface Ours
  extends Plain<Omit<Dashboard, 'annotations' | 'editable' | 'links' | 'panels' | 'templating' | 'uid'>> {
  uid: string;
  editable: false;
  links: Array<Plain<DashboardLink>>;
  annotations: { list: Array<Plain<Omit<AnnotationQuery, 'target'>> & { target: AnnotationTarget }> };
  templating: { list: Array<Plain<VariableModel>> };
  panels: Array<Panel | Plain<RowPanel>>;
}
