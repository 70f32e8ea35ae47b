-- name: told
SELECT epoch, keyed, erasure FROM meta WHERE id = 1
