package percentile

import (
	"testing"
	"time"
)

// A percentile is a duration that was measured: the nearest rank.
func TestOf(t *testing.T) {
	for _, test := range []struct {
		ascending []time.Duration
		want      map[float64]time.Duration
	}{
		{[]time.Duration{15, 20, 35, 40, 50}, map[float64]time.Duration{0: 15, 5: 15, 20: 15, 30: 20, 40: 20, 50: 35, 99: 50, 100: 50}},
		{[]time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, map[float64]time.Duration{10: 1, 11: 2, 50: 5, 95: 10, 100: 10}},
		{[]time.Duration{15}, map[float64]time.Duration{50: 15, 100: 15}},
		{nil, map[float64]time.Duration{50: 0}},
	} {
		for percent, want := range test.want {
			if got := Of(test.ascending, percent); got != want {
				t.Errorf("%v %% of %d: got %d; want %d", percent, test.ascending, got, want)
			}
		}
	}
}
