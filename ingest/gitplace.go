package ingest

import (
	"cmp"
	"path"
	"strings"

	"whatchanged.dev/whatchanged"
)

// placed is a placement and whence each part of it was taken, as attributes of
// events say it.
type placed struct {
	whatchanged.Placement
	from map[string]string
}

// put sets one part of a placement that is not known yet.
func (p *placed) put(what, name, from string) {
	field := map[string]*string{"environment": &p.Environment, "region": &p.Region, "cluster": &p.Cluster, "cell": &p.Cell}[what]
	if *field != "" || name == "" {
		return
	}
	if p.from == nil {
		p.from = map[string]string{}
	}
	*field, p.from[what+"From"] = name, from
}

// environmentNames are those that people give folders and files.
var environmentNames = map[string]string{
	"production": "production", "prod": "production", "staging": "staging", "stage": "staging", "preprod": "preprod",
	"development": "development", "dev": "development", "qa": "qa", "sandbox": "sandbox",
}

// placeFolders are those whose folders are named after where they apply.
var placeFolders = map[string]string{
	"overlays": "environment", "environments": "environment", "envs": "environment", "env": "environment",
	"clusters": "cluster", "regions": "region", "cells": "cell",
}

// placeOfPath takes a placement from the folders of a file and the parts of
// its name, as in overlays/production/eu-west-1/values.yaml, values-prod.yaml
// or clusters/prod-us-east-1/shop.yaml.
func placeOfPath(file string) placed {
	var p placed
	folders := strings.Split(path.Dir(file), "/")
	for i, folder := range folders {
		p.part(folder)
		if i == 0 {
			continue
		}
		what := placeFolders[strings.ToLower(folders[i-1])]
		if name, _ := cutRegion(folder); what == "environment" {
			p.put(what, strings.ToLower(name), "path")
		} else if what != "" {
			p.put(what, strings.ToLower(folder), "path")
		}
	}
	for part := range strings.SplitSeq(stem(file), ".") {
		p.part(part)
	}
	return p
}

// part takes what one part of a path names by itself.
func (p *placed) part(s string) {
	name, region := cutRegion(s)
	p.put("region", region, "path")
	name = strings.ToLower(name)
	word := name[strings.LastIndexAny(name, "-_")+1:]
	p.put("environment", cmp.Or(environmentNames[name], environmentNames[word]), "path")
}

// cutRegion cuts the region from the end of a name.
func cutRegion(s string) (name, region string) {
	m := regionName.FindStringSubmatchIndex(s)
	if m == nil {
		return s, ""
	}
	return strings.TrimRight(s[:m[2]], "-_/."), strings.ToLower(s[m[2]:m[3]])
}
