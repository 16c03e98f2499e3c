// A network of queues: jobs arrive at four counters, are served one after another, and go on to one of two exits.
package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"

	lanecast "github.com/lanecast/lanecast-go"
)

type station struct {
	x, y   float64
	queue  []uint32
	busyS  float64 // until the job in front is done
	next   []int
	factor float64 // of the mean service time
}

const dt = 0.1 // seconds a step

func main() {
	run, err := lanecast.Start("queues", lanecast.Options{
		Title: "A network of queues",
		Params: map[string]lanecast.Param{
			"arrivals": {Value: 2.0, Min: lanecast.Limit(0), Max: lanecast.Limit(8), Unit: "1/s", Title: "Arrivals"},
			"service":  {Value: 1.5, Min: lanecast.Limit(0.1), Max: lanecast.Limit(5), Unit: "s", Title: "Mean service time"},
			"shortest": {Value: true, Title: "Join the shortest queue"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer run.Close()
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt)
	go func() { <-stopped; run.Interrupt() }()
	if err := run.Scene(lanecast.Scene{Kind: "plain", Bounds: [4]float64{0, 0, 120, 60}}); err != nil {
		log.Fatal(err)
	}

	var stations []*station
	for i := range 4 {
		stations = append(stations, &station{x: 55, y: 6 + 16*float64(i), next: []int{4, 5}, factor: 1})
	}
	for i := range 2 {
		stations = append(stations, &station{x: 110, y: 14 + 32*float64(i), factor: 0.5})
	}
	var born uint32
	var served, longest int
	for step := int64(1); run.Running(); step++ {
		if rand.Float64() < run.Float("arrivals")*dt {
			born++
			at := rand.IntN(4)
			if run.Param("shortest").(bool) {
				for i := range 4 {
					if len(stations[i].queue) < len(stations[at].queue) {
						at = i
					}
				}
			}
			stations[at].queue = append(stations[at].queue, born)
		}
		jobs := lanecast.Columns{}
		var ids []uint32
		var xs, ys, waits []float32
		for _, s := range stations {
			if s.busyS -= dt; s.busyS <= 0 && len(s.queue) > 0 {
				job := s.queue[0]
				s.queue = s.queue[1:]
				s.busyS = rand.ExpFloat64() * run.Float("service") * s.factor
				if len(s.next) > 0 {
					next := stations[s.next[rand.IntN(len(s.next))]]
					next.queue = append(next.queue, job)
				} else {
					served++
				}
			}
			for place, job := range s.queue {
				ids = append(ids, job)
				xs = append(xs, float32(s.x-2*float64(place)))
				ys = append(ys, float32(s.y))
				waits = append(waits, float32(place))
			}
			longest = max(longest, len(s.queue))
		}
		jobs["id"], jobs["x"], jobs["y"], jobs["place"] = ids, xs, ys, waits
		if ids == nil {
			jobs["id"] = []uint32{}
		}
		timeS := float64(step) * dt
		if err := run.Frame(lanecast.Frame{Step: step, TimeS: timeS, Layers: lanecast.Layers{"jobs": jobs}}); err != nil {
			log.Fatal(err)
		}
		if step%10 == 0 {
			err := run.Metrics(map[string]float64{"waiting": float64(len(ids)), "served": float64(served), "longest": float64(longest)})
			if err != nil {
				log.Fatal(err)
			}
		}
		run.Sleep(33 * time.Millisecond)
	}
	_ = run.Status("complete", fmt.Sprintf("%d jobs were served", served))
}
