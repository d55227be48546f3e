package instance

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// observe reports how the instance stands, each time that metrics are read.
func (in *Instance) observe(provider metric.MeterProvider) error {
	meter := provider.Meter("whatchanged.dev/whatchanged/instance")
	var errs []error
	gauge := func(name, what string) metric.Int64ObservableGauge {
		g, err := meter.Int64ObservableGauge(name, metric.WithDescription(what))
		errs = append(errs, err)
		return g
	}
	loaded := gauge("whatchanged.index.loaded", "1 once questions are answered.")
	watermark := gauge("whatchanged.index.watermark", "The last sequence of the change log that the hot tier has seen.")
	events := gauge("whatchanged.hot.events", "Change events held in memory.")
	restarts := gauge("whatchanged.engine.restarts", "How often the embedded ClickHouse was started again.")
	_, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		tiers := in.Index.Tiers(ctx)
		if tiers.Loaded {
			o.ObserveInt64(loaded, 1)
			o.ObserveInt64(watermark, int64(tiers.Hot.Position.Sequence))
			o.ObserveInt64(events, int64(tiers.HotEvents))
		} else {
			o.ObserveInt64(loaded, 0)
		}
		if in.Engine != nil {
			o.ObserveInt64(restarts, int64(in.Engine.Restarts()))
		}
		return nil
	}, loaded, watermark, events, restarts)
	return errors.Join(append(errs, err)...)
}
