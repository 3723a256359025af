"""What the forge knows and what may be done with it.

Plain functions on an open transaction (`cdock.forge.store.Tx`). Each checks what its acting user may do, changes the
store and the git repository together, and returns frozen values; what is not possible raises one of
`cdock.forge.domain.errors`. REST and the pages are thin layers above and never write SQL.
"""
