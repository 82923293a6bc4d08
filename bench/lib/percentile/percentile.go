// Package percentile sums up durations that were measured.
package percentile

import (
	"math"
	"time"
)

// Of returns the smallest of the ascending durations that at least percent of a hundred of them do not exceed (the nearest
// rank), and 0 if there are none.
func Of(ascending []time.Duration, percent float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	rank := int(math.Ceil(percent * float64(len(ascending)) / 100))
	return ascending[max(rank, 1)-1]
}
