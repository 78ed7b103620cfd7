{{/* What this release is called; the release's own name where that says it already. */}}
{{- define "scribewire.name" -}}
{{- if contains "scribewire" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-scribewire{{ end }}
{{- end }}

{{- define "scribewire.selector" -}}
app.kubernetes.io/name: scribewire
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "scribewire.labels" -}}
{{ include "scribewire.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "scribewire.secret" -}}
{{ .Values.secrets.existing | default (include "scribewire.name" .) }}
{{- end }}

{{- define "scribewire.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default (printf "%s%s" .Chart.AppVersion (ternary "-cuda" "" .Values.gpu.enabled)) }}
{{- end }}

{{/* The addresses of NATS with the token in them: a secret. */}}
{{- define "scribewire.nats" -}}
{{- $servers := .Values.cluster.servers | default (list (printf "%s-nats:4222" .Release.Name)) }}
{{- $token := ternary (printf "%s@" .Values.secrets.natsToken) "" (ne .Values.secrets.natsToken "") }}
{{- $urls := list }}
{{- range $servers }}{{ $urls = append $urls (printf "nats://%s%s" $token .) }}{{ end }}
{{- join "," $urls }}
{{- end }}
