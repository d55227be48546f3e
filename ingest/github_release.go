package ingest

import (
	"cmp"

	"whatchanged.dev/whatchanged"
)

type githubRelease struct {
	githubEnvelope
	Release struct {
		ID          int64      `json:"id"`
		TagName     string     `json:"tag_name"`
		Name        string     `json:"name"`
		HTMLURL     string     `json:"html_url"`
		Target      string     `json:"target_commitish"`
		Draft       bool       `json:"draft"`
		Prerelease  bool       `json:"prerelease"`
		Author      githubUser `json:"author"`
		PublishedAt moment     `json:"published_at"`
		UpdatedAt   moment     `json:"updated_at"` // newer payloads only
	} `json:"release"`
}

// decodeGitHubRelease reads releases. GitHub tells of one publication up to
// three times: as created, as published, and as released or prereleased. The
// last two become the same id, so that whichever comes second is known; the
// first may be a draft and is passed over.
func decodeGitHubRelease(d githubDelivery) (Decoded, error) {
	var p githubRelease
	if err := unmarshal(d.body, "", &p); err != nil {
		return Decoded{}, err
	}
	c, r := &check{}, p.Release
	id := "github/release/" + c.id("release.id", r.ID) + "/"
	e := whatchanged.Event{
		Kind: whatchanged.Release, Entity: p.repository(c), Actor: githubActor(p.Sender, r.Author),
		Version: c.text("release.tag_name", r.TagName), Summary: cmp.Or(r.Name, r.TagName),
		Links: []whatchanged.Link{{Rel: "evidence", URL: r.HTMLURL}},
		Attributes: map[string]string{
			"action": p.Action, "target": r.Target, "author": r.Author.Login, "delivery": d.guid,
		},
	}
	switch c.text("action", p.Action) {
	case "":
	case "created":
		if c.err == nil {
			return Decoded{Ignored: "release created: a draft, or told again as published"}, nil
		}
	case "published", "released", "prereleased":
		e.Action = "released"
		if r.Prerelease {
			e.Action = "prereleased"
		}
		e.ID = id + e.Action
		e.EffectiveAt = c.time("release.published_at", r.PublishedAt)
	case "deleted": // there is no time of deletion in it: that of arrival
		e.ID, e.Action = id+"deleted", "deleted"
	default: // edited, unpublished: as often as one likes
		e.ID, e.Action = id+p.Action+"/"+cmp.Or(d.guid, string(r.UpdatedAt), "once"), p.Action
		e.EffectiveAt = c.maybe("release.updated_at", r.UpdatedAt)
	}
	return one(c, e, "repository.full_name")
}
