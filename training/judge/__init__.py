"""How well the action-unit model reads rendered and real faces, and the pages that say so."""
