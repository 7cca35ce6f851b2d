package study

import (
	"encoding/hex"
	"fmt"
	"math"
)

const (
	earthMetres = 6_371_000.0
	// nearMetres is how far outside a fence is still near: where satellites cannot see a phone it is off by that much.
	nearMetres = 1000
	// spotDigits is how much of a spot's mark is kept: 16 bits. Of the square metres of a county 40,000 have the same
	// mark, so it says of nobody where they are, not even to whoever holds the key; that three of 150 people have it by
	// chance happens once in ten thousand sessions.
	spotDigits = 4
)

// Valid reports whether a fence can be used: a place on earth, a radius of 50 m to 20 km, and what demands it.
func (f Fence) Valid() bool {
	return Point{f.Latitude, f.Longitude}.Valid() && f.Metres >= 50 && f.Metres <= 20_000 && f.Law != "" && len([]rune(f.Law)) <= 66
}

// Valid reports whether a point is on earth; 0, 0 is what a phone says that knows nothing.
func (p Point) Valid() bool {
	return math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180 && p != Point{}
}

// Class is all that is kept of a position.
func (f Fence) Class(p Point) Distance {
	switch m := metres(Point{f.Latitude, f.Longitude}, p); {
	case m <= float64(f.Metres):
		return DistanceInside
	case m <= float64(f.Metres)+nearMetres:
		return DistanceNear
	default:
		return DistanceFar
	}
}

// metres is the way between two points on a ball.
func metres(a, b Point) float64 {
	rad := math.Pi / 180
	dLat, dLng := (b.Latitude-a.Latitude)*rad, (b.Longitude-a.Longitude)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(a.Latitude*rad)*math.Cos(b.Latitude*rad)*math.Pow(math.Sin(dLng/2), 2)
	return 2 * earthMetres * math.Asin(math.Sqrt(min(h, 1)))
}

// Spot marks a position to the metre, so that equal ones can be seen inside one session, and nothing else: a keyed
// hash of which too little is kept to find the position again.
func (k SignKey) Spot(p Point) string {
	const perDegree = 100_000 // 1.1 m
	place := fmt.Sprintf("spot %.0f %.0f", math.Round(p.Latitude*perDegree), math.Round(p.Longitude*perDegree))
	return hex.EncodeToString(k.sum(place, 0))[:spotDigits]
}
