package resolvers

import (
	"math"

	"whatchanged.dev/whatchanged"
)

// scorerVersion names these weights. A change of any of them is a new version.
const scorerVersion = "4"

// The weights of the score, in log-odds, all of them. They were fitted by
// conditional logistic regression on real incidents with known culprits
// (docs/adr/011) and rounded; what did not help there is not here.
var (
	// perLogHour is what it costs to be older, times ln(1 + hours): of trouble
	// that is only described, and of trouble in an entity.
	perLogHour = map[bool]float64{false: -0.65, true: -0.95}
	// perLogLater is what it costs that others came later, before the trouble,
	// times ln(1 + how many): in a busy place an hour is longer. Around an
	// entity few come.
	perLogLater = map[bool]float64{false: -0.55, true: -0.35}
	// withinHalfHour is what it adds to come so shortly before.
	withinHalfHour = 0.8
	// afterOnset is what it costs to come after the trouble. It is not
	// minus infinity, because onsets are estimates.
	afterOnset = math.Log(0.05)

	// along is what it costs to be so many edges away along "depends on".
	along = []float64{0, -1.4, -1.8, -2.9, -3.3, -3.6}
	// perRead is what the last edge costs when it leads to what a service reads,
	// a flag or a config: changing that is changing the service.
	perRead = math.Log(0.8)
	// against is what it costs to be a dependent so many edges away: trouble
	// travels from what is needed to what needs it, seldom the other way.
	against = []float64{0, -2.9, -3.2, -3.6, -4.0, -4.3}

	// apart is what it costs that nothing connects it with the scope.
	apart = -3.0

	// The match of the symptom's words (BM25) with the summary, with the names
	// of what was changed, and with what stands in the difference; and what a
	// match counts for at all, times ln(1 + the sum of the three).
	textSummary, textNames, textDiff, textAny = 0.25, 0.1, 0.05, 1.0

	// inside is what it adds to be known to be where it hurts.
	inside = math.Log(1.6)

	// perShared is what it adds that several of those that hurt depend on what
	// was changed: times ln(how many).
	perShared = 0.8

	// verdictTerm is what it adds that a person held it the culprit, or held it
	// not to be: more than all else together.
	verdictTerm = map[bool]float64{true: 8, false: -8}

	undone      = -0.5 // something later took it back
	isRevert    = -2.0 // it takes something else back
	byBot       = -0.4 // no person made it
	lastOfActor = 0.7  // its author did nothing more before the trouble

	// changesUse is what it adds to say that it changes what is in use, rather
	// than adding, mending or removing something.
	changesUse = 0.65

	// kindPrior is how much more, or less, than others a kind of change is to
	// blame, before anything else is known.
	kindPrior = map[whatchanged.EventKind]float64{
		whatchanged.Deployment: 0.5, whatchanged.RolloutKind: 0.5, whatchanged.Flag: 0.6, whatchanged.Config: 0.6,
		whatchanged.Model: 0.4, whatchanged.Experiment: 0.25, whatchanged.Infrastructure: 0.4, whatchanged.Scale: 0,
		whatchanged.Topology: -0.5, whatchanged.Artifact: -1, whatchanged.Release: -0.7, whatchanged.Pipeline: -1.2,
		whatchanged.Commit: -1, whatchanged.Ownership: -2.5,
	}
)

// What is learned from verdicts of how often kinds are to blame: from so many
// on, as if so many more went by the candidates alone, and at most so much.
const (
	fewVerdicts    = 5
	verdictShrink  = 10.0
	maxLearnedTerm = 1.0
)

// none is the score of the alternative that no recorded change did it: of
// trouble that is only described, and of trouble in an entity.
var none = map[bool]float64{false: 0, true: -3.75}

// The first is called likely when it is ahead of the rest by so much, in
// log-odds (docs/adr/011). Of trouble that is only described it must lead the
// next, and none, by lead: hundreds of weak candidates say nothing together. Of
// trouble in an entity, around which little changes, it must outweigh all
// others and none together by sure, and the more, the older it is, by
// perLogHourSure times ln(1 + hours): what is left when the culprit is not
// among them is old more often than not.
//
// On the incidents it was fitted on, likely was said of 23 % of those only
// described and of 54 % of those in an entity, and right 91 and 98 times in
// 100; with the culprit hidden it was said of 7 and 10 %.
const (
	lead           = 2.4
	sure           = 1.2
	perLogHourSure = 1.0
)
