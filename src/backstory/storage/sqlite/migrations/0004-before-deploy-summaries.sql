-- before-deploy: what summaries cover. The release before neither reads nor writes it.

-- What summaries cover, as their metadata say; id = that of the entry. Gone with its text.
CREATE TABLE summaries (
    id    INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
);

-- Entries of that type could be written before, with whatever metadata.
INSERT INTO summaries (id, first, last)
SELECT id, first, last
FROM (
    SELECT e.id AS id,
           json_extract(CAST(e.metadata AS TEXT), '$.covers') AS covers,
           json_extract(CAST(e.metadata AS TEXT), '$.covers[0]') AS first,
           json_extract(CAST(e.metadata AS TEXT), '$.covers[1]') AS last
    FROM entries AS e JOIN voices AS v ON v.id = e.voice
    WHERE v.type = 'summary' AND e.content IS NOT NULL AND e.metadata IS NOT NULL
)
WHERE typeof(covers) = 'text' AND json_valid(covers) AND json_type(covers) = 'array'
    AND json_array_length(covers) = 2 AND typeof(first) = 'integer' AND typeof(last) = 'integer'
    AND first BETWEEN 1 AND last AND last < (id & 4294967295);
