{{- define "blockrank.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "blockrank.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "blockrank.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "blockrank.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "blockrank.selectorLabels" -}}
app.kubernetes.io/name: {{ include "blockrank.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "blockrank.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "blockrank.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "blockrank.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "blockrank.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "blockrank.secretName" -}}
{{- default (include "blockrank.fullname" .) .Values.existingSecret }}
{{- end }}

{{- define "blockrank.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{/* Entries of the secret that the keys name, each once. */}}
{{- define "blockrank.secretKeys" -}}
{{- $names := list }}
{{- range .Values.keys }}
{{- with .secretKey }}{{ $names = append $names . }}{{ end }}
{{- end }}
{{- $names | uniq | toJson }}
{{- end }}

{{/* Environment variable that holds an entry of the secret. */}}
{{- define "blockrank.keyVariable" -}}
{{- printf "BLOCKRANK_KEY_%s" (. | upper | replace "-" "_" | replace "." "_") }}
{{- end }}

{{/* The configuration file: the values, and over them what the chart decides. */}}
{{- define "blockrank.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $service := merge (dict "host" "0.0.0.0" "port" 8080) (default dict $config.service) }}
{{- $keys := list }}
{{- range .Values.keys }}
{{- $key := omit . "secretKey" }}
{{- with .secretKey }}{{ $_ := set $key "key" (printf "${%s}" (include "blockrank.keyVariable" .)) }}{{ end }}
{{- $keys = append $keys $key }}
{{- end }}
{{- if $keys }}{{ $_ := set $service "keys" $keys }}{{ end }}
{{- if .Values.tls.existingSecret }}
{{- $_ := set $service "tls" (dict "cert" "/etc/blockrank-tls/tls.crt" "key" "/etc/blockrank-tls/tls.key") }}
{{- end }}
{{- $reranker := default dict $config.reranker }}
{{- if .Values.gpu.enabled }}{{ $_ := set $reranker "device" .Values.gpu.device }}{{ end }}
{{- toYaml (dict "reranker" $reranker "service" $service) }}
{{- end }}

{{- define "blockrank.scheme" -}}
{{- ternary "HTTPS" "HTTP" (ne .Values.tls.existingSecret "") }}
{{- end }}

{{/* A pod that ends before its requests are answered loses them. */}}
{{- define "blockrank.gracePeriodSeconds" -}}
{{- $service := default dict .Values.config.service }}
{{- $drainMs := add (dig "drainMs" 25000 $service) (dig "drainDelayMs" 0 $service) }}
{{- if le (mul (int .Values.terminationGracePeriodSeconds) 1000) (int $drainMs) }}
{{- fail (printf "terminationGracePeriodSeconds (%d s) has to be longer than config.service.drainMs and drainDelayMs together (%d ms)" (int .Values.terminationGracePeriodSeconds) (int $drainMs)) }}
{{- end }}
{{- int .Values.terminationGracePeriodSeconds }}
{{- end }}
