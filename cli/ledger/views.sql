-- The ledger's views and queries: one text for DuckDB and for Athena (Trino).
--
-- Base tables, with the columns named in cli/ledger/tables.py:
--   reports        a row for each message that was published, as it came, duplicates included
--   sent_requests  a row for each request whose sender kept a copy; `pairs` is null where every tag is meant
--
-- A request is known by batch, request_id, provider, account, region and project_id.
-- A statement begins with a line "-- name: ...". "?" is the value to ask for.

-- name: outcomes
-- The last word on each pair of a request. Duplicates fall together here: they say the same of the same pair.
CREATE OR REPLACE VIEW outcomes AS
WITH report_rows AS (
  SELECT
    r.batch, r.id AS request_id, r.provider, r.account, r.region, r.project_id,
    r.outcomes[t.n].type AS type, r.outcomes[t.n].resource_id AS resource_id,
    r.outcomes[t.n].key AS key, r.outcomes[t.n].value AS value, r.outcomes[t.n].was AS was,
    r.outcomes[t.n].was_key AS was_key,
    r.outcomes[t.n].outcome AS outcome, r.outcomes[t.n].code AS code, r.outcomes[t.n].message AS message,
    r.outcomes[t.n].provider_request_id AS provider_request_id,
    r.attempt, r.finished_at, r.report_id
  FROM reports AS r
  CROSS JOIN UNNEST(sequence(1, CAST(cardinality(r.outcomes) AS BIGINT))) AS t (n)
  WHERE r.kind = 'removal' AND cardinality(r.outcomes) > 0
),
ranked AS (
  SELECT
    report_rows.*,
    -- By time first: a dead letter that is sent again begins with attempt 1.
    row_number() OVER (
      PARTITION BY batch, request_id, provider, account, region, project_id, type, resource_id, key, value
      ORDER BY finished_at DESC, attempt DESC, report_id
    ) AS place,
    max(finished_at) OVER (
      PARTITION BY batch, request_id, provider, account, region, project_id, type, resource_id
    ) AS last_of_resource
  FROM report_rows
),
in_batch AS (
  SELECT
    ranked.*,
    row_number() OVER (
      PARTITION BY
        coalesce(batch, request_id), provider, account, region, project_id, type, resource_id, key, value
      ORDER BY finished_at, attempt, request_id
    ) AS turn,
    max(finished_at) OVER (
      PARTITION BY coalesce(batch, request_id), provider, account, region, project_id, type, resource_id
    ) AS last_of_resource_in_batch
  FROM ranked
  -- The key * without a value is a resource whose tags could not be read; what a later attempt read takes its place.
  WHERE place = 1 AND NOT (key = '*' AND value IS NULL AND finished_at < last_of_resource)
),
turns AS (
  SELECT
    in_batch.*,
    max(turn) OVER (
      PARTITION BY
        coalesce(batch, request_id), provider, account, region, project_id, type, resource_id, key, value
    ) AS last_turn,
    max(CASE WHEN outcome IN ('removed', 'restored') THEN turn ELSE 0 END) OVER (
      PARTITION BY
        coalesce(batch, request_id), provider, account, region, project_id, type, resource_id, key, value
    ) AS last_change,
    max(CASE WHEN outcome IN ('failed', 'unconfirmed') THEN turn ELSE 0 END) OVER (
      PARTITION BY
        coalesce(batch, request_id), provider, account, region, project_id, type, resource_id, key, value
    ) AS last_failure
  FROM in_batch
)
SELECT
  batch, request_id, provider, account, region, project_id, type, resource_id, key, value, was, was_key, outcome,
  code, message, provider_request_id, attempt, finished_at, report_id,
  -- Another request of the batch was about the pair, too, and its word counts there: the last one's. But a pair that was
  -- changed stays so, whatever was found of it afterwards, unless something went wrong with it since.
  turn <> CASE WHEN last_change > last_failure THEN last_change ELSE last_turn END
    OR (key = '*' AND value IS NULL AND finished_at < last_of_resource_in_batch) AS superseded
FROM turns;

-- name: request_totals
-- Each request with its pairs by outcome, the pairs that still wait, and whether it is complete.
CREATE OR REPLACE VIEW request_totals AS
WITH pages AS (
  SELECT DISTINCT
    batch, id AS request_id, provider, account, region, project_id, attempt, reason, report_id, started_at, finished_at,
    page."of" AS pages,
    coalesce(request_counts.removed, 0) + coalesce(request_counts.restored, 0)
      + coalesce(request_counts.would_remove, 0) + coalesce(request_counts.would_restore, 0)
      + coalesce(request_counts.absent, 0) + coalesce(request_counts.not_found, 0)
      + coalesce(request_counts.protected, 0) + coalesce(request_counts.failed, 0)
      + coalesce(request_counts.unconfirmed, 0) + coalesce(request_counts.deferred, 0) AS pairs,
    coalesce(request_counts.deferred, 0) AS deferred,
    coalesce(held_back.pairs, 0) AS held_back
  FROM reports
  WHERE kind = 'removal'
),
-- Requests of one attempt that ended in the same millisecond with the same counts stand together: `several` of them.
attempts AS (
  SELECT
    batch, request_id, provider, account, region, project_id, attempt, started_at, finished_at, pairs, deferred,
    held_back, max(reason) AS reason,
    CAST(ceil(CAST(count(DISTINCT report_id) AS DOUBLE) / pages) AS BIGINT) AS several,
    pages * CAST(ceil(CAST(count(DISTINCT report_id) AS DOUBLE) / pages) AS BIGINT)
      - count(DISTINCT report_id) AS missing_pages
  FROM pages
  GROUP BY
    batch, request_id, provider, account, region, project_id, attempt, started_at, finished_at, pages, pairs, deferred,
    held_back
),
-- Each attempt works at pairs that an earlier one deferred, and defers some anew. What waits after the last attempt is
-- the greatest of these sums: deferred from here on, less worked at behind here.
balanced AS (
  SELECT
    attempts.*,
    sum(deferred * several) OVER (
      PARTITION BY batch, request_id, provider, account, region, project_id
      ORDER BY finished_at, attempt, started_at, pairs, deferred
      ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    ) - coalesce(sum(pairs * several) OVER (
      PARTITION BY batch, request_id, provider, account, region, project_id
      ORDER BY finished_at, attempt, started_at, pairs, deferred
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ), 0) AS waiting,
    row_number() OVER (
      PARTITION BY batch, request_id, provider, account, region, project_id
      ORDER BY finished_at DESC, attempt DESC, started_at DESC, pairs DESC, deferred DESC
    ) AS from_last
  FROM attempts
),
facts AS (
  SELECT
    batch, request_id, provider, account, region, project_id,
    max(reason) AS reason, max(pairs) AS pairs, max(waiting) AS waiting, min(attempt) AS first_attempt,
    sum(held_back * several) AS held_back,
    max(CASE WHEN from_last = 1 THEN missing_pages ELSE 0 END) AS missing_pages,
    max(CASE WHEN from_last = 1 THEN deferred * several ELSE 0 END) AS last_deferred,
    max(CASE WHEN from_last = 1 THEN held_back * several ELSE 0 END) AS last_held_back,
    -- Only where every tag was meant can a report be about no pair.
    max(CASE WHEN pairs = 0 THEN 1 ELSE 0 END) AS every_tag,
    CAST(NULL AS VARCHAR) AS outcome, 0 AS number, 0 AS rejected
  FROM balanced
  GROUP BY batch, request_id, provider, account, region, project_id
  UNION ALL
  SELECT
    batch, id, provider, coalesce(account, 'default'), region, project_id,
    max(reason), max(pairs), 0, NULL, 0, 0, 0, 0, max(CASE WHEN pairs IS NULL THEN 1 ELSE 0 END), NULL, 0, 0
  FROM sent_requests
  GROUP BY batch, id, provider, coalesce(account, 'default'), region, project_id
  UNION ALL
  SELECT
    batch, request_id, provider, account, region, project_id,
    NULL, 0, 0, NULL, 0, 0, 0, 0, max(CASE WHEN key = '*' AND value IS NULL THEN 1 ELSE 0 END), outcome, count(*), 0
  FROM outcomes
  GROUP BY batch, request_id, provider, account, region, project_id, outcome
  UNION ALL
  -- A rejected body is known by its id at most: it has no place.
  SELECT DISTINCT batch, id, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, 0, 0, 0, 0, 0, NULL, 0, 1
  FROM reports
  WHERE kind = 'rejected'
),
summed AS (
  SELECT
    batch, request_id, provider, account, region, project_id,
    max(reason) AS reason, max(pairs) AS pairs, max(waiting) AS waiting, min(first_attempt) AS first_attempt,
    sum(held_back) AS held_back, max(missing_pages) AS missing_pages, max(last_deferred) AS last_deferred,
    max(last_held_back) AS last_held_back, max(every_tag) AS every_tag, max(rejected) AS rejected,
    sum(number) AS settled,
    sum(CASE WHEN outcome = 'removed' THEN number ELSE 0 END) AS removed,
    sum(CASE WHEN outcome = 'restored' THEN number ELSE 0 END) AS restored,
    sum(CASE WHEN outcome = 'would_remove' THEN number ELSE 0 END) AS would_remove,
    sum(CASE WHEN outcome = 'would_restore' THEN number ELSE 0 END) AS would_restore,
    sum(CASE WHEN outcome = 'absent' THEN number ELSE 0 END) AS absent,
    sum(CASE WHEN outcome = 'not_found' THEN number ELSE 0 END) AS not_found,
    sum(CASE WHEN outcome = 'protected' THEN number ELSE 0 END) AS protected,
    sum(CASE WHEN outcome = 'failed' THEN number ELSE 0 END) AS failed,
    sum(CASE WHEN outcome = 'unconfirmed' THEN number ELSE 0 END) AS unconfirmed
  FROM facts
  GROUP BY batch, request_id, provider, account, region, project_id
),
-- A request that was held back as a whole has no row for its pairs. Later attempts may have given them rows.
held AS (
  SELECT
    summed.*,
    CASE
      WHEN every_tag = 1 THEN last_held_back
      ELSE least(held_back, greatest(pairs - settled, 0))
    END AS held_pairs,
    max(rejected) OVER (PARTITION BY batch, request_id) AS id_rejected,
    count(provider) OVER (PARTITION BY batch, request_id) AS places
  FROM summed
),
-- Where every tag is meant, what a resource will come to is known only when it was read: the last attempt decides.
waited AS (
  SELECT
    held.*,
    CASE
      WHEN first_attempt IS NULL AND id_rejected = 1 THEN 0
      WHEN first_attempt IS NULL THEN coalesce(pairs, 0)
      WHEN every_tag = 1 THEN last_deferred
      ELSE greatest(waiting, pairs - settled - held_pairs)
    END AS still_waiting
  FROM held
  WHERE provider IS NOT NULL OR places = 0
)
SELECT
  batch, request_id, provider, account, region, project_id, reason,
  removed, restored, would_remove, would_restore, absent, not_found, protected + held_pairs AS protected, failed,
  unconfirmed, still_waiting AS waiting,
  CASE
    WHEN first_attempt IS NULL THEN id_rejected = 1
    ELSE first_attempt = 1 AND missing_pages = 0 AND still_waiting = 0
  END AS complete,
  first_attempt IS NULL AND id_rejected = 1 AS rejected
FROM waited;

-- name: batches
-- Each batch with its totals. A request without a batch is a batch of its own, under its id.
CREATE OR REPLACE VIEW batches AS
WITH requests AS (
  SELECT
    coalesce(batch, request_id) AS batch, removed, restored, would_remove, would_restore, absent, not_found, protected,
    failed, unconfirmed, waiting, CASE WHEN complete THEN 0 ELSE 1 END AS incomplete,
    nullif(regexp_extract(reason, '^sweep (.*), rule .*$', 1), '') AS sweep
  FROM request_totals
),
-- What sweeps asked for, as their summaries say and as requests are seen. A sweep without its summary has not ended.
sweeps AS (
  SELECT batch, sweep, max(summaries) AS summaries, max(asked_for) AS asked_for, sum(seen) AS seen
  FROM (
    SELECT coalesce(batch, id) AS batch, id AS sweep, 1 AS summaries, coalesce(counts.requests, 0) AS asked_for, 0 AS seen
    FROM reports
    WHERE kind = 'sweep'
    UNION ALL
    SELECT batch, sweep, 0, 0, 1
    FROM requests
    WHERE sweep IS NOT NULL
  ) AS told
  GROUP BY batch, sweep
),
-- What decommission events led to, where their notices count it: requests bear the event's id, or it and a number.
events AS (
  SELECT e.batch, e.event, max(e.asked_for) AS asked_for, count(DISTINCT r.request_id) AS seen
  FROM (
    SELECT coalesce(batch, id) AS batch, id AS event, coalesce(counts.requests, 0) AS asked_for
    FROM reports
    WHERE kind = 'decommission'
  ) AS e
  LEFT JOIN (SELECT coalesce(batch, request_id) AS batch, request_id FROM request_totals) AS r
    ON r.request_id = e.event OR regexp_extract(r.request_id, '^(.*)-[0-9]+$', 1) = e.event
  GROUP BY e.batch, e.event
),
parts AS (
  SELECT
    batch, 1 AS requests, removed, restored, would_remove, would_restore, absent, not_found, protected, failed,
    unconfirmed, waiting, incomplete
  FROM requests
  UNION ALL
  -- Requests that a sweep or an event asked for and of which nothing is seen.
  SELECT
    batch, greatest(asked_for - seen, 0), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    CASE WHEN summaries = 0 OR seen < asked_for THEN 1 ELSE 0 END
  FROM sweeps
  UNION ALL
  SELECT
    batch, greatest(asked_for - seen, 0), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CASE WHEN seen < asked_for THEN 1 ELSE 0 END
  FROM events
  UNION ALL
  -- A pair counts once, as the last request that was about it says: what earlier ones said is taken off again.
  SELECT
    coalesce(batch, request_id), 0,
    CASE WHEN outcome = 'removed' THEN -1 ELSE 0 END, CASE WHEN outcome = 'restored' THEN -1 ELSE 0 END,
    CASE WHEN outcome = 'would_remove' THEN -1 ELSE 0 END, CASE WHEN outcome = 'would_restore' THEN -1 ELSE 0 END,
    CASE WHEN outcome = 'absent' THEN -1 ELSE 0 END, CASE WHEN outcome = 'not_found' THEN -1 ELSE 0 END,
    CASE WHEN outcome = 'protected' THEN -1 ELSE 0 END, CASE WHEN outcome = 'failed' THEN -1 ELSE 0 END,
    CASE WHEN outcome = 'unconfirmed' THEN -1 ELSE 0 END, 0, 0
  FROM outcomes
  WHERE superseded
)
SELECT
  batch, CAST(sum(requests) AS BIGINT) AS requests,
  CAST(sum(removed) AS BIGINT) AS removed, CAST(sum(restored) AS BIGINT) AS restored,
  CAST(sum(would_remove) AS BIGINT) AS would_remove, CAST(sum(would_restore) AS BIGINT) AS would_restore,
  CAST(sum(absent) AS BIGINT) AS absent, CAST(sum(not_found) AS BIGINT) AS not_found,
  CAST(sum(protected) AS BIGINT) AS protected, CAST(sum(failed) AS BIGINT) AS failed,
  CAST(sum(unconfirmed) AS BIGINT) AS unconfirmed, CAST(sum(waiting) AS BIGINT) AS waiting,
  sum(incomplete) = 0 AS complete
FROM parts
GROUP BY batch;

-- name: what_became_of_a_batch
SELECT * FROM batches WHERE batch = ?;

-- name: what_failed_and_why
-- By code, the most frequent first, each with an example.
SELECT
  outcome, code, count(*) AS pairs, count(DISTINCT resource_id) AS resources, max(message) AS message,
  min(type) AS example_type, min(resource_id) AS example_resource_id, min(key) AS example_key,
  max(provider_request_id) AS example_provider_request_id
FROM outcomes
WHERE coalesce(batch, request_id) = ? AND outcome IN ('failed', 'unconfirmed') AND NOT superseded
GROUP BY outcome, code
ORDER BY pairs DESC, outcome, code;

-- name: what_a_batch_changed
-- What undo is made of: the changes in the order of time. A pair that was worked at twice has both of its rows.
SELECT DISTINCT *
FROM (
  SELECT
    r.batch, r.id AS request_id, r.provider, r.account, r.region, r.project_id,
    r.outcomes[t.n].type AS type, r.outcomes[t.n].resource_id AS resource_id,
    r.outcomes[t.n].key AS key, r.outcomes[t.n].value AS value, r.outcomes[t.n].was AS was,
    r.outcomes[t.n].was_key AS was_key,
    r.outcomes[t.n].outcome AS outcome, r.attempt, r.finished_at
  FROM reports AS r
  CROSS JOIN UNNEST(sequence(1, CAST(cardinality(r.outcomes) AS BIGINT))) AS t (n)
  WHERE r.kind = 'removal' AND cardinality(r.outcomes) > 0 AND coalesce(r.batch, r.id) = ?
) AS report_rows
WHERE outcome IN ('removed', 'restored') OR (outcome = 'absent' AND was IS NOT NULL)
ORDER BY finished_at, attempt, request_id, type, resource_id, key, value;

-- name: what_happened_to_a_resource
SELECT * FROM outcomes WHERE resource_id = ? ORDER BY finished_at DESC, batch, request_id, key, value;

-- name: who_still_waits
-- Requests that are not complete, of every batch.
SELECT
  coalesce(batch, request_id) AS batch, request_id, provider, account, region, waiting
FROM request_totals
WHERE NOT complete
ORDER BY 1, waiting DESC, request_id;

-- name: tags_removed_by_day
-- Days in UTC. A tag counts once a day for each request, however many reports say so.
SELECT substr(finished_at, 1, 10) AS day, provider, count(*) AS tags
FROM (
  SELECT DISTINCT
    r.batch, r.id, r.provider, r.account, r.region, r.project_id, r.finished_at, r.report_id,
    r.outcomes[t.n].type AS type, r.outcomes[t.n].resource_id AS resource_id, r.outcomes[t.n].key AS key,
    r.outcomes[t.n].outcome AS outcome
  FROM (
    SELECT
      batch, id, provider, account, region, project_id, report_id, outcomes,
      min(finished_at) OVER (PARTITION BY report_id) AS finished_at
    FROM reports
    WHERE kind = 'removal' AND cardinality(outcomes) > 0
  ) AS r
  CROSS JOIN UNNEST(sequence(1, CAST(cardinality(r.outcomes) AS BIGINT))) AS t (n)
) AS told
WHERE outcome = 'removed'
GROUP BY substr(finished_at, 1, 10), provider
ORDER BY day, provider;
