package study

import (
	"time"
	_ "time/tzdata" // the zone's rules travel in the binary: hosts of small offices often lack them
)

func mustZone() *time.Location {
	z, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic("loading the embedded zone Asia/Shanghai: " + err.Error())
	}
	return z
}
