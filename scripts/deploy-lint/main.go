// Checks files of deploy/ with the libraries of the programs that will read them:
//
//	deploy-lint compose FILE…     Compose's own loader: schema, references, interpolation
//	deploy-lint rules FILE…       Prometheus' own reader of rule files, expressions and templates included
//	deploy-lint dashboard FILE…   Grafana's own types, unknown fields refused
//	deploy-lint promql            expressions, a JSON array of texts on standard input, by Prometheus' own parser
//	deploy-lint evaluate          Prometheus' own engine: {"expressions": […], "series": […]} on standard input, where a
//	                              series is written as in its rule tests, one sample a minute; prints how many results
//	                              each expression has at the last sample, as a JSON array
//
// Exit code 0 when nothing is wrong, 1 when something is, 2 when it was called wrongly.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
)

var checks = map[string]func(path string) error{
	"compose":   checkCompose,
	"rules":     checkRules,
	"dashboard": checkDashboard,
}

var readers = map[string]func(from io.Reader) error{
	"promql":   checkExpressions,
	"evaluate": evaluate,
}

func main() {
	if len(os.Args) == 2 && readers[os.Args[1]] != nil {
		os.Exit(report("standard input", readers[os.Args[1]](os.Stdin)))
	}
	if len(os.Args) < 3 || checks[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "deploy-lint: expected compose, rules or dashboard with files, or promql, or evaluate")
		os.Exit(2)
	}
	code := 0
	for _, path := range os.Args[2:] {
		code |= report(path, checks[os.Args[1]](path))
	}
	os.Exit(code)
}

func report(what string, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	return 1
}

// Variables come from the environment alone; one that is required and not set is an error, as in Compose.
func checkCompose(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithOsEnv, cli.WithName("lint"))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	return project.CheckContainerNameUnicity()
}

func checkRules(path string) error {
	_, errs := rulefmt.ParseFile(path, false, model.UTF8Validation)
	return errors.Join(errs...)
}

func checkDashboard(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	plugins.RegisterDefaultPlugins()
	board := dashboard.Dashboard{}
	return notEmpty(errors.Join(notEmpty(board.UnmarshalJSONStrict(text)), notEmpty(board.Validate())))
}

// The generated readers give an empty list of errors, which is not nil, where nested panels have none.
func notEmpty(err error) error {
	if err == nil || err.Error() == "" {
		return nil
	}
	return err
}

func checkExpressions(from io.Reader) error {
	var expressions []string
	if err := json.NewDecoder(from).Decode(&expressions); err != nil {
		return err
	}
	var errs []error
	for _, expression := range expressions {
		if _, err := parser.ParseExpr(expression); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", expression, err))
		}
	}
	return errors.Join(errs...)
}

func evaluate(from io.Reader) error {
	var asked struct{ Expressions, Series []string }
	if err := json.NewDecoder(from).Decode(&asked); err != nil {
		return err
	}
	store, err := teststorage.NewWithError()
	if err != nil {
		return err
	}
	defer store.Close()
	last, err := load(store, asked.Series)
	if err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute})
	counts := []int{}
	for _, expression := range asked.Expressions {
		query, err := engine.NewInstantQuery(context.Background(), store, nil, expression, last)
		if err != nil {
			return fmt.Errorf("%q: %w", expression, err)
		}
		result := query.Exec(context.Background())
		vector, err := result.Vector()
		if err != nil {
			return fmt.Errorf("%q: %w", expression, err)
		}
		counts = append(counts, len(vector))
		query.Close()
	}
	return json.NewEncoder(os.Stdout).Encode(counts)
}

// Stores series from the beginning of time on, one sample a minute, and tells the time of the last one.
func load(store storage.Appendable, series []string) (time.Time, error) {
	appender := store.Appender(context.Background())
	last := time.UnixMilli(0)
	for _, line := range series {
		labels, samples, err := parser.ParseSeriesDesc(line)
		if err != nil {
			return last, fmt.Errorf("%q: %w", line, err)
		}
		for i, sample := range samples {
			at := time.UnixMilli(0).Add(time.Duration(i) * time.Minute)
			if sample.Omitted {
				continue
			}
			if _, err := appender.Append(0, labels, at.UnixMilli(), sample.Value); err != nil {
				return last, err
			}
			if at.After(last) {
				last = at
			}
		}
	}
	return last, appender.Commit()
}
